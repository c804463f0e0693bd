"""Versions of a model in the directory that a server watches."""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[0-9]+")


def check_name(name: str) -> None:
    """Raises ValueError unless servers and the export directory take the name."""
    if not _NAME.fullmatch(name) or name.lower().endswith(".config"):
        raise ValueError(
            "The name of a served model is letters, digits, '.', '_' and '-', starts "
            "with a letter or digit and does not end with .config; received "
            f"{name!r}. Give another --name."
        )


def versions(base_path: Path) -> dict[int, Path]:
    """The versions of a model that are there, in ascending order, and where."""
    if not base_path.is_dir():
        return {}
    paths = (path for path in base_path.iterdir() if path.is_dir())
    return {
        int(path.name): path
        for path in sorted(paths, key=lambda path: path.name.zfill(20))
        if _VERSION.fullmatch(path.name)
    }


@contextlib.contextmanager
def new_version(
    export_dir: Path, name: str, version: int | None = None
) -> Iterator[tuple[Path, int]]:
    """A context that gives a directory to write to, then makes it a version.

    The version appears whole, by one renaming, or not at all. Two exports of a model
    take turns. What an export that was killed has left is removed by the next.

    Args:
        export_dir: The directory of all models; made if it is not there.
        name: The model.
        version: A number that is free; by default one above the highest.

    Yields:
        The directory to write to, and the version that it will be.

    Raises:
        FileExistsError: If the version is there already.
        OSError: If the directory cannot be written.
    """
    with locked(export_dir, name):
        there = versions(export_dir / name)
        if version is None:
            version = max(there, default=0) + 1
        if version in there:
            raise FileExistsError(
                f"A version is never overwritten; received {version} for {name}, which "
                f"has {', '.join(map(str, there))}. Leave --version out for the next."
            )
        # Beside the model's directory, in which servers look for versions.
        unfinished = export_dir / f".unfinished-{name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            yield unfinished, version
            (export_dir / name).mkdir(exist_ok=True)
            unfinished.rename(export_dir / name / str(version))
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


@contextlib.contextmanager
def locked(export_dir: Path, name: str) -> Iterator[None]:
    """A context that waits until no other process is in it, for this name.

    Raises:
        OSError: If the directory cannot be made or written.
    """
    try:
        export_dir.mkdir(parents=True, exist_ok=True)
        # The lock goes with the process, however that ends.
        path = export_dir / f".lock-{name}"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise OSError(
            f"An export directory must be writable; received {export_dir} "
            f"({error.strerror}). Give another --export_dir."
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
