"""The directory of one training run: what is in it, and who may write there."""

import contextlib
import json
import os
import platform
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tfgen import GenerativeModel

# What JSON files hold; their values are checked where they are used.
Json: TypeAlias = dict[str, Any]

# Paths and versions may differ between two calls that mean the same run.
_NOT_COMPARED = ("versions", "data_dir")
_SEED = re.compile("seed-(0|[1-9][0-9]*)")
_LOCK = ".lock"
# What a run and `zoo.sample` write, beside pictures.
_WRITTEN = (
    "report.json",
    "model.keras",
    "metrics.csv",
    "examples.npz",
    "samples.npz",
    ".tmp-*",  # Of a run that was killed.
    "checkpoints/.tmp-*",
)
_LOGS = "logs/**/events.out.tfevents.*"
# A model_dir may come from a stranger: through these, files elsewhere would be changed.
_NO_LINKS = (_LOCK, "logs", "logs/train", "logs/validation", "checkpoints", "teacher")


class ModelDir:
    """A `model_dir`: `config.json`, `model.keras`, `report.json` and the rest of a run.

    A directory with a report is finished. One with a configuration and none is
    unfinished; where it has checkpoints, training goes on from them.

    Args:
        path: The directory; it may not exist yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def enter(self, config: Mapping[str, object], *, overwrite: bool) -> str:
        """Makes the directory ready for a run: nothing of an earlier one is left.

        Of an unfinished run with checkpoints, these and the logs are.

        Args:
            config: The resolved configuration of the run.
            overwrite: Start anew, whatever run is there.

        Returns:
            `new`, `unfinished` (an earlier run stopped) or `finished`.

        Raises:
            ValueError: If the directory holds another run, or something else.
            OSError: If it cannot be written.
        """
        self._refuse_links()
        state = "new"
        if self.path.is_dir() and not self.is_free:
            if not self._holds_a_run():
                held = "the runs of several seeds" if self.seeds else "other files"
                raise ValueError(
                    "A model_dir is empty, new or an earlier run's; received "
                    f"{self.path}, which holds {held}. Give another --model_dir."
                )
            if not overwrite:
                before = self.read("config.json")
                differing = differences(before, json.loads(json.dumps(config)))
                if differing:
                    raise ValueError(
                        f"{self.path} holds another run; it differs in "
                        f"{'; '.join(differing)}. Give another --model_dir, or "
                        "--overwrite to start anew."
                    )
                if self.is_finished:
                    return "finished"
                state = "unfinished"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.clear(keep_checkpoints=state == "unfinished")
            if overwrite:
                self.teacher._remove()
            self.write("config.json", config)
        except OSError as error:
            raise OSError(
                f"A model_dir must be writable; received {self.path} "
                f"({error.strerror}). Give another --model_dir."
            ) from None
        return state

    def _refuse_links(self) -> None:
        """Raises ValueError where a run would write or remove what lies elsewhere."""
        part_of_another = self.path.name == "teacher" or _SEED.fullmatch(self.path.name)
        paths = [self.path] if part_of_another else []
        paths += [self.path / name for name in _NO_LINKS]
        link = next((path for path in paths if path.is_symlink()), None)
        if link is not None:
            raise ValueError(
                f"What a run writes lies in its own model_dir; received {link}, which "
                f"is a link to {os.readlink(link)}. Remove the link, or give another "
                "--model_dir."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Within it no other process may be; the kernel ends it with the process.

        Where nothing can be written there is no lock; `enter` says so if it must write.
        Nor is there one where there is no `fcntl`, on Windows.

        Raises:
            ValueError: If another process is.
        """
        path = self.path / _LOCK
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, ImportError):
                import fcntl

                self.path.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(open(path, "a", opener=_not_by_link))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # The one that had it may have removed it since it was opened.
                    is_there = os.path.samestat(path.stat(), os.fstat(file.fileno()))
                except (BlockingIOError, FileNotFoundError):
                    is_there = False
                if not is_there:
                    raise self._in_use()
                stack.callback(path.unlink, missing_ok=True)
            yield

    def _in_use(self) -> ValueError:
        return ValueError(
            f"One process at a time trains in a model_dir; received {self.path}, where "
            "another one does. Wait for it, stop it, or give another --model_dir."
        )

    @property
    def is_free(self) -> bool:
        """Whether it has nothing, or what a run left that was killed as it began."""
        return not self.path.exists() or (
            self.path.is_dir()
            and all(p.match(_LOCK) or p.match(".tmp-*") for p in self.path.iterdir())
        )

    def _holds_a_run(self) -> bool:
        """Whether what is there was written by a run: many tools have a config.json."""
        path = self.path / "config.json"
        return path.is_file() and path.read_bytes().startswith(b'{\n  "model": ')

    @property
    def teacher(self) -> "ModelDir":
        """The directory of the run of the teacher, where a run has one.

        It is a run like others. Starting over leaves it, and so takes a finished
        teacher as it is; starting anew removes it.
        """
        return ModelDir(self.path / "teacher")

    def seed(self, seed: int) -> "ModelDir":
        """The directory of the run of one of several seeds."""
        return ModelDir(self.path / f"seed-{seed}")

    @property
    def seeds(self) -> "dict[int, ModelDir]":
        """The runs of several seeds, by these, where a directory holds no run itself.

        Each is a run like others.
        """
        found: dict[int, ModelDir] = {}
        if self._holds_a_run():
            return found
        for path in self.path.glob("seed-*"):
            match, run = _SEED.fullmatch(path.name), ModelDir(path)
            if match and run._holds_a_run():
                found[int(match[1])] = run
        return dict(sorted(found.items()))

    def listed(self) -> str:
        """The directories of the runs of several seeds, for messages."""
        return ", ".join(str(run.path) for run in self.seeds.values())

    @property
    def name(self) -> str:
        """What others call the run: its directory, after that of all seeds if any."""
        path = self.path.resolve()
        is_seed = _SEED.fullmatch(path.name)
        return f"{path.parent.name}-{path.name}" if is_seed else path.name

    @property
    def is_finished(self) -> bool:
        """Whether a run ended here."""
        return (self.path / "report.json").is_file()

    @property
    def config(self) -> Json:
        """The resolved configuration of the run.

        Raises:
            FileNotFoundError: If there is none.
        """
        self._require("config.json")
        return self.read("config.json")

    @property
    def report(self) -> Json:
        """The numbers of the finished run.

        Raises:
            FileNotFoundError: If there are none.
        """
        self._require("report.json")
        return self.read("report.json")

    def load_model(self) -> "GenerativeModel":
        """The trained model, read in safe mode: nothing in the file is executed.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If the file is damaged, or needs classes of a user's recipe.
        """
        # Imports TensorFlow.
        from zoo import _keras_files

        self._require("model.keras")
        try:
            return _keras_files.load_model(self.path / "model.keras")
        except ValueError as error:
            raise ValueError(
                f"{self.path / 'model.keras'} cannot be read as a model ({error}). If "
                "the recipe is a file of yours, give it again as "
                "--model=path/to/recipe.py; else train anew, --overwrite."
            ) from error

    def read(self, name: str) -> Json:
        """The contents of a JSON file.

        Raises:
            ValueError: If it is damaged.
        """
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError(f"it is a {type(content).__name__}")
        except (ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{self.path / name} is not valid JSON ({reason}). Restore it, or "
                "train anew with --overwrite."
            ) from None
        return content

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Within it, what goes wrong is the fault of what a file holds.

        Raises:
            ValueError: In place of the errors of looking into it.
        """
        try:
            yield
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,  # Of a generator without the first item.
            TypeError,
            ValueError,
        ) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(
                f"{self.path / name} is not as a run writes it ({reason}). Restore it, "
                "or train anew with --overwrite."
            ) from error

    def write(self, name: str, content: Mapping[str, object]) -> None:
        """Writes a JSON file, beside and renamed, so that it is whole or absent."""
        text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        with self.replacing(name) as path:
            path.write_text(text, encoding="utf-8")

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes an `.npz` file, beside and renamed."""
        with self.replacing(name) as path, path.open("wb") as file:
            save_arrays(file, arrays)

    def replacing(self, name: str) -> "Replacing":
        """A context that gives a path to write to, then renames it to `name`."""
        return Replacing(self.path / name)

    def _require(self, name: str) -> None:
        if not (self.path / name).is_file():
            if self.seeds:
                raise FileNotFoundError(
                    f"A model_dir is that of one run; received {self.path}, which "
                    f"holds those of several seeds. Give one of them: {self.listed()}."
                )
            raise FileNotFoundError(
                f"A finished run has a {name}; received {self.path}, which has none. "
                "Train first: python -m zoo.train --model=maf --model_dir="
                f"{self.path}"
            )

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints; it is there while a run is unfinished."""
        return self.path / "checkpoints"

    def clear(self, *, keep_checkpoints: bool = False) -> None:
        """Removes what a run and `zoo.sample` write, and nothing else.

        Args:
            keep_checkpoints: Leave checkpoints, and the logs that belong to them.
        """
        from zoo.latents import PICTURES

        keep = keep_checkpoints and any(self.checkpoints.glob("*.json"))
        pictures = [f"{name}.png" for name in ("training", "samples", *PICTURES)]
        for pattern in (*_WRITTEN, *pictures, *(() if keep else (_LOGS,))):
            for path in self.path.glob(pattern):
                # Not through a link: what is there is not of this run.
                if path.parent.resolve().is_relative_to(self.path.resolve()):
                    path.unlink()
        if not keep:
            self.remove_checkpoints()

    def remove_checkpoints(self, but: Collection[str] = ()) -> None:
        """Removes checkpoints, and their folder where nothing is left in it.

        Args:
            but: Names, without suffix, of those that stay.
        """
        if self.checkpoints.is_symlink():
            return
        for suffix in ("json", "npz"):  # A checkpoint without the first is none.
            for path in self.checkpoints.glob(f"*.{suffix}"):
                if path.stem.isdecimal() and path.stem not in but:
                    path.unlink()
        with contextlib.suppress(OSError):  # It is not empty, or not there.
            self.checkpoints.rmdir()

    def _remove(self) -> None:
        """Removes a run and its directory, but for files that are not of the run."""
        if self.path.is_symlink() or not self._holds_a_run():
            return
        self.clear()
        self.teacher._remove()
        (self.path / "config.json").unlink()
        for folder in ("logs/train", "logs/validation", "logs", ""):
            with contextlib.suppress(OSError):  # It is not empty, or not there.
                (self.path / folder).rmdir()


class Replacing:
    """A context that gives a path to write to, then renames it to the target.

    The target is whole or absent at any time, also after a power cut; an error leaves
    what was there before.

    Args:
        target: What the file is to be called.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        # The suffix stays last: some writers choose their format by it.
        self._temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")

    def __enter__(self) -> Path:
        if not self._target.parent.is_dir():
            raise FileNotFoundError(
                "A file is written into a directory that exists; received "
                f"{self._target}. Make {self._target.parent}, or write elsewhere."
            )
        # Through a link that a stranger has put there, another file would be written.
        self._temporary.unlink(missing_ok=True)
        return self._temporary

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                _flush(self._temporary)
                os.replace(self._temporary, self._target)
        finally:
            self._temporary.unlink(missing_ok=True)


def _not_by_link(path: str, flags: int) -> int:
    """Opens a file of that very name, and not one that a link of this name is to."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _flush(path: Path) -> None:
    """Waits until the file is on disk: a name without its contents would be worse."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def save_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as a compressed `.npz`.

    Raises:
        TypeError: If one holds objects, which NumPy would pickle.
    """
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:
        raise TypeError(
            "Arrays in files hold numbers or texts; received objects in "
            f"{', '.join(objects)}. Convert them first."
        )
    # Older versions of NumPy take options for one more array.
    contents: dict[str, Any] = dict(arrays)
    np.savez_compressed(file, **contents)


def versions() -> dict[str, str]:
    """Versions of what the numbers may depend on."""
    from importlib import metadata

    packages = ("tensorflow", "keras", "tensorflow-probability", "numpy")
    found = {package: metadata.version(package) for package in packages}
    return {"python": platform.python_version(), **found}


def differences(
    before: Mapping[str, object], now: Mapping[str, object], prefix: str = ""
) -> list[str]:
    """What two configurations do not share, each as `name: was A, is B`."""
    found: list[str] = []
    for key in sorted({*before, *now} - set(_NOT_COMPARED)):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: was {old}, is {new}")
    return found
