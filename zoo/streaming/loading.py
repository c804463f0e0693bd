"""Prepares data that are larger than memory, once, and opens what is prepared.

What is prepared is a directory: `train.x.npy`, with a context `train.context.npy`, the
same for `validation` and `test`, and `stream.json`, which says what it was made of and
how, with the SHA-256 of each file. It is written beside and renamed. As long as that
agrees it is used again; otherwise it is made anew.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.data import ContextSpec, DataSet, DataSpec, Split, held_out
from zoo.model_dir import Json
from zoo.streaming import is_wanted, sources
from zoo.streaming.records import Records
from zoo.streaming.shuffling import BUCKET_BYTES, Shuffler, deal
from zoo.streaming.sources import Source
from zoo.streaming.stored import StoredRows, digest

_FORMAT = 1
_MANIFEST = "stream.json"
# Of rows that are split here, at most these are held out, for validation and again for
# testing: enough for means to a few thousandths of a standard deviation.
MOST_HELD_OUT = 100_000
_WHOLE = ("test", "validation", "train")


class Options(typing.TypedDict):
    """What to do with columns."""

    context: Sequence[str]
    drop: Sequence[str]
    dequantize: Sequence[str]


@dataclasses.dataclass(frozen=True)
class _Part:
    """Rows, and the splits that they are dealt to."""

    source: Source
    splits: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is to be prepared, and how."""

    name: str
    parts: list[_Part]
    seed: int
    context: Sequence[str] = ()
    drop: Sequence[str] = ()
    dequantize: Sequence[str] = ()
    # Sets of TFDS say themselves what their labels are; their columns are as they are.
    is_tfds: bool = False
    classes: int | None = None

    def to_json(self) -> Json:
        """All that what is prepared depends on."""
        plan = {key: getattr(self, key) for key in ("name", "seed", "classes")}
        options = {k: list(getattr(self, k)) for k in ("context", "drop", "dequantize")}
        parts = [[list(part.splits), part.source.identity] for part in self.parts]
        return {"format": _FORMAT, **plan, **options, "parts": parts}


def load(
    name: str,
    *,
    data_dir: str | None = None,
    context: Sequence[str] = (),
    drop: Sequence[str] = (),
    dequantize: Sequence[str] = (),
    validation: str | None = None,
    test: str | None = None,
    seed: int = 0,
) -> DataSet:
    """Opens data that stay on disk, and prepares them if need be.

    Args:
        name: A file, pattern or directory, as `sources.files` takes it, or `tfds:NAME`.
        data_dir: Where what is prepared is kept, and TensorFlow's data sets are; None
            for `tfgen-zoo/streams` in the user's cache.
        context: Columns to condition on.
        drop: Columns to leave out.
        dequantize: Columns whose values lie on an even grid.
        validation: The validation rows, in the same form as `name`.
        test: The test rows.
        seed: Of the split, where all rows come in one.

    Raises:
        ValueError: If the data do not fit; file, row and column are named.
        FileNotFoundError: If there are none.
        OSError: If what is prepared cannot be written.
    """
    options: Options = {"context": context, "drop": drop, "dequantize": dequantize}
    folder = Path(data_dir) / "streams" if data_dir else _cache()
    with contextlib.ExitStack() as stack:
        if name.startswith("tfds:"):
            from zoo import tfds_sets

            for option, value in {
                **options,
                "validation": validation,
                "test": test,
            }.items():
                if value:
                    raise ValueError(
                        f"--{option} is for your own files; received it with "
                        f"--dataset={name}; leave it out."
                    )
            stack.enter_context(tfds_sets.quiet())
            plan = _plan_tfds(name.removeprefix("tfds:"), data_dir)
        else:
            plan = _plan_files(name, validation, test, options, seed)
        place = re.sub(r"[^\w.-]+", "-", plan.name)
        asked = [*map(_place, (name, validation, test)), options, plan.seed]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        target = folder / f"{place}-{key[:12]}"
        with _writable(folder), _locked(target):
            if not _is_whole(target, plan):
                _prepare(target, plan)
            # Within the lock: others may prepare another state of the source anew.
            return _open(target)


def _place(name: str | None) -> str | None:
    """What a name stands for, wherever the command is run."""
    if name is None or name.startswith("tfds:"):
        return name
    return os.path.abspath(name)


def _plan_files(
    name: str,
    validation: str | None,
    test: str | None,
    options: Options,
    seed: int,
) -> _Plan:
    if not is_wanted(name, stream=None) and sources.kind(name) not in sources.KINDS:
        raise ValueError(
            "--stream is for .csv, .parquet, .npy and TFRecord files, patterns of "
            "them, directories that end with / and tfds:NAME; received --dataset="
            f"{name}; leave --stream out."
        )
    if (validation is None) != (test is None):
        raise ValueError(
            "Own splits are three; received only one of --validation and --test; "
            "give both, or neither to split --dataset."
        )
    stem = Path(name.rstrip("/")).name.partition(".")[0].strip("*?-_") or "rows"
    context = options["context"]
    if validation is None or test is None:
        parts = [_Part(sources.files(name, context), _WHOLE)]
        return _Plan(stem, parts, seed, **options)
    parts = [
        _Part(sources.files(path, context), (split,))
        for split, path in (("train", name), ("validation", validation), ("test", test))
    ]
    # Nothing is split: one copy serves all seeds.
    return _Plan(stem, parts, 0, **options)


def _plan_tfds(name: str, data_dir: str | None) -> _Plan:
    """Splits as those in memory: fixed, with tenths where the set has too few."""
    from zoo import tfds_sets

    builder = tfds_sets.prepared(name, data_dir)
    stored = tfds_sets.stored_splits(builder)
    splits: dict[str, tuple[str, ...]] = {"train": ("train",)}
    if "validation" in stored:
        splits["validation"] = ("validation",)
        if "test" not in stored:
            splits["train"] = ("test", "train")
    elif "test" not in stored:
        splits["train"] = _WHOLE
    else:
        rows = builder.info.splits["train"].num_examples
        cut = rows - max(1, rows // 10)
        splits = {f"train[:{cut}]": ("train",), f"train[{cut}:]": ("validation",)}
    if "test" in stored:
        splits["test"] = ("test",)
    _, label = tfds_sets.choose_features(builder)
    parts = [
        _Part(sources.tfds(builder, split, name), dealt)
        for split, dealt in splits.items()
    ]
    classes = None if label is None else builder.info.features[label].num_classes
    context = () if label is None else (label,)
    name = builder.info.name
    return _Plan(name, parts, 0, context, is_tfds=True, classes=classes)


def _prepare(target: Path, plan: _Plan) -> None:
    """Writes the directory anew."""
    for left in target.parent.glob(f".tmp-*-{target.name}"):
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    temporary = target.parent / f".tmp-{os.getpid()}-{target.name}"
    temporary.mkdir(parents=True)
    print(f"Preparing {plan.name}, once, in {target} ...", flush=True)
    try:
        spec, digests = _write(temporary, plan)
        for part in plan.parts:
            _require_unchanged(part.source)
        for path in temporary.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        manifest = {**plan.to_json(), "spec": spec.to_json(), "sha256": digests}
        text = json.dumps(manifest, indent=1)
        (temporary / _MANIFEST).write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(folder: Path, plan: _Plan) -> tuple[DataSpec, dict[str, str]]:
    """Shuffles all parts into their splits."""
    records: Records | None = None
    shufflers: list[Shuffler] = []
    for number, part in enumerate(plan.parts):
        is_training = "train" in part.splits
        buckets = -(-part.source.size // BUCKET_BYTES)
        place = folder / f"buckets-{number}"
        place.mkdir()
        for block in part.source.blocks():
            if records is None:
                records = Records(block, plan.context, plan.drop, plan.dequantize)
            if len(shufflers) == number:
                seed = [plan.seed, number]
                shufflers.append(Shuffler(place, records.dtype, max(1, buckets), seed))
            rows = records.convert(block, is_training=is_training or plan.is_tfds)
            sampled = shufflers[number].add(rows)
            if is_training:
                records.keep(sampled)
        if records is None or len(shufflers) == number or not shufflers[number].rows:
            raise ValueError(
                f"Data must hold rows; received none in {part.source.identity[0][0]}; "
                "add some."
            )
    if records is None:
        raise ValueError("Data must hold rows; received none; add some.")
    if not plan.is_tfds:
        records.check_columns()
    sizes = [
        _sizes(shuffler.rows, part.splits)
        for shuffler, part in zip(shufflers, plan.parts, strict=True)
    ]
    num_train = sum(part.get("train", 0) for part in sizes)
    spec = _spec(records, plan, num_train)
    kinds = {"x": records.dtype["x"]}
    if spec.context is not None:
        kinds["context"] = np.dtype((spec.context.dtype, spec.context.shape))
    digests: dict[str, str] = {}
    for number, (shuffler, size) in enumerate(zip(shufflers, sizes, strict=True)):
        digests |= deal(shuffler, folder, size, kinds)
        (folder / f"buckets-{number}").rmdir()
    return spec, digests


def _spec(records: Records, plan: _Plan, num_train: int) -> DataSpec:
    """What models must know; of sets that say more themselves, that."""
    if not plan.is_tfds:
        context = records.context() if plan.context else None
        return records.spec(plan.name, num_train, context)
    context = None
    # Some sets hide the labels of a split behind -1.
    if plan.classes is not None and not records.has_unknown:
        context = ContextSpec((), "int32", plan.classes, columns=tuple(plan.context))
    spec = records.spec(plan.name, num_train, context)
    levels = None if spec.levels is None else 256
    return dataclasses.replace(spec, columns=(), levels=levels)


def _sizes(rows: int, splits: tuple[str, ...]) -> dict[str, int]:
    """How many rows each split has of so many."""
    if len(splits) == 1:
        return {splits[0]: rows}
    if splits == _WHOLE:
        held = [min(size, MOST_HELD_OUT) for size in held_out(rows)]
        return dict(zip(_WHOLE, (held[1], held[0], rows - sum(held)), strict=True))
    test = min(max(1, rows // 10), MOST_HELD_OUT)
    return dict(zip(splits, (test, rows - test), strict=True))


def _require_unchanged(source: Source) -> None:
    for path, *before in source.identity:
        if isinstance(path, str) and os.path.isabs(path):
            try:
                found = os.stat(path)
                now: list[object] = [found.st_size, found.st_mtime_ns]
            except FileNotFoundError:
                now = []
            if now != before:
                raise OSError(
                    "Files stay as they are while they are read; received "
                    f"{path}, which was {'changed' if now else 'removed'} meanwhile. "
                    "Nothing is kept of it: the same command reads it anew."
                )


def _is_whole(target: Path, plan: _Plan) -> bool:
    """Whether what is there was made of this, in this way, and is as it was written."""
    try:
        manifest = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))
        wanted = json.loads(json.dumps(plan.to_json()))
        return all(manifest[key] == value for key, value in wanted.items()) and all(
            digest(target / file) == sha256
            for file, sha256 in manifest["sha256"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _open(target: Path) -> DataSet:
    manifest = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))

    def rows(split: str, field: str) -> np.ndarray | None:
        name = f"{split}.{field}.npy"
        if name not in manifest["sha256"]:
            return None
        stored = StoredRows(target / name, manifest["sha256"][name])
        # It answers to what an array is asked of rows, and to nothing else.
        return typing.cast(np.ndarray, stored)

    def split(name: str) -> Split:
        x = rows(name, "x")
        return Split(typing.cast(np.ndarray, x), rows(name, "context"))

    spec = DataSpec.from_json(manifest["spec"])
    return DataSet(spec, split("train"), split("validation"), split("test"))


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "tfgen-zoo" / "streams"


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Says what to do where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        # Others are explained already, or are of a file that is read.
        if error.errno is None or isinstance(error, FileNotFoundError):
            raise
        raise OSError(
            "Data that are read from disk are prepared there first, as 32-bit floats; "
            f"received {folder}, which cannot be written ({error.strerror}). Make room "
            "there, or give another --data_dir."
        ) from error


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Within it no other process prepares the same; a second one waits."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError):
            import fcntl

            file = stack.enter_context(
                target.with_name(f".{target.name}.lock").open("a")
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
