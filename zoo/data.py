"""What a data set is, and `load`, which gets one from any source.

This module imports no TensorFlow, so that data can be looked at, checked and split
without it.
"""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from zoo import _checks, registry, streaming
from zoo.factors import Factors

_TABLE_SUFFIXES = (".csv", ".parquet", ".npz", ".npy")
_Spec = TypeVar("_Spec")


@dataclasses.dataclass(frozen=True)
class ContextSpec:
    """What models condition on: a class label, or a vector of numbers.

    Args:
        shape: Shape of one row's context; `()` for a class label.
        dtype: `"int32"` for labels, `"float32"` for numbers.
        num_classes: Labels are `0 .. num_classes - 1`; None for numbers.
        columns: Names of the context columns, where the data have names.
        optional: Whether a label may be -1, unknown.
    """

    shape: tuple[int, ...]
    dtype: str
    num_classes: int | None = None
    columns: tuple[str, ...] = ()
    optional: bool = False

    def to_json(self) -> dict[str, object]:
        """A dict of plain lists, strings and numbers."""
        return _plain(self)

    @classmethod
    def from_json(cls, config: Mapping[str, object]) -> "ContextSpec":
        """The inverse of `to_json`."""
        return _restore(cls, config)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """What a recipe needs to know about the data to build a model for them.

    Args:
        name: The data set's name.
        event_shape: Shape of one example.
        dtype: `"float32"` for continuous data, `"uint8"` for integers with levels.
        levels: Integer data take the values `0 .. levels - 1`.
        steps: For each feature the step of the grid its values lie on, to be
            dequantized by the model; 0.0 for a continuous feature. None: no feature
            is on a grid.
        offsets: For each feature a value on that grid; 0.0 for a continuous feature.
        context: What the examples come with to condition on.
        num_train: Number of training rows.
        columns: Names of the features, where the data have names.
        parents: Of skeletons `[frames, joints, 3]`, with the second coordinate upwards:
            the joint that each joint hangs on, and for the root itself.
    """

    name: str
    event_shape: tuple[int, ...]
    dtype: str
    levels: int | None = None
    steps: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
    context: ContextSpec | None = None
    num_train: int = 0
    columns: tuple[str, ...] = ()
    parents: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Refuses what no model could be built for."""
        if self.dtype not in ("float32", "uint8"):
            raise ValueError(
                "Data are either 'float32' or 'uint8'; "
                f"received dtype={self.dtype!r}; convert them to one of the two."
            )
        if (self.dtype == "uint8") != (self.levels is not None):
            raise ValueError(
                "Integer data have levels and continuous data have none; received "
                f"dtype={self.dtype!r}, levels={self.levels}; give levels with uint8."
            )
        for key in ("steps", "offsets"):
            value = getattr(self, key)
            if value is not None and len(value) != self.num_features:
                raise ValueError(
                    f"{key} has one number for each feature; received {len(value)} for "
                    f"event_shape={self.event_shape}; use 0.0 for continuous features."
                )
        if self.parents is not None:
            joints = len(self.parents)
            if self.event_shape[1:] != (joints, 3) or not all(
                0 <= parent < joints for parent in self.parents
            ):
                raise ValueError(
                    "Skeletons have event_shape (frames, joints, 3), and each joint a "
                    f"joint as parent; received event_shape={self.event_shape}, "
                    f"parents={self.parents}; number the joints from 0."
                )

    @property
    def is_image(self) -> bool:
        """Whether an example is an image, `[height, width]` or with channels."""
        return len(self.event_shape) in (2, 3) and self.parents is None

    @property
    def num_features(self) -> int:
        """How many numbers an example has."""
        return math.prod(self.event_shape)

    def to_json(self) -> dict[str, object]:
        """A dict of plain lists, strings and numbers."""
        return _plain(self)

    @classmethod
    def from_json(cls, config: Mapping[str, object]) -> "DataSpec":
        """The inverse of `to_json`."""
        context = config.get("context")
        if isinstance(context, Mapping):
            config = {**config, "context": ContextSpec.from_json(context)}
        return _restore(cls, config)


@dataclasses.dataclass(frozen=True)
class Split:
    """The rows of one split.

    Args:
        x: The examples, `[rows, *event_shape]`.
        context: What they are conditioned on, `[rows, *context.shape]`.
        grey: The grey images, 0 to 255, of which training draws `x` anew in each epoch,
            by `zoo.binarization`; then `x` is one such draw.
        label: The classes of rows whose context does not tell them all, because the
            context was left out or by `zoo.labels`: for testing and for pictures, and
            nothing that a model is given.
        group: Which rows belong together, `[rows]`, such as the windows of one
            sequence: a number for each group.
        factors: Of data made of factors, the values behind each row, `[rows, factors]`:
            points of `DataSet.factors`, and nothing that a model is given.
    """

    x: np.ndarray
    context: np.ndarray | None = None
    grey: np.ndarray | None = None
    label: np.ndarray | None = None
    group: np.ndarray | None = None
    factors: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.x)


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set, split.

    Args:
        spec: What a model needs to know about it.
        train: The rows a model learns from.
        validation: The rows that choose the best weights.
        test: The rows behind every reported number.
        log_prob: The true density of points `[rows, *event_shape]`, and of their
            contexts where there are any: `[rows]` in nats, where it is known.
        sample: `sample(num_samples, seed)` draws fresh points, where the source is a
            procedure; never points of the splits.
        factors: Of data made of factors, the grid of them, with an image at each point.
    """

    spec: DataSpec
    train: Split
    validation: Split
    test: Split
    log_prob: Callable[..., np.ndarray] | None = None
    sample: Callable[[int, int], np.ndarray] | None = None
    factors: Factors | None = None

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def without_context(self) -> "DataSet":
        """The examples alone, for models that do not condition on anything.

        Classes that were the context are kept as labels.
        """
        spec = self.spec.context
        if spec is None:
            return self

        def alone(split: Split) -> Split:
            label = None if spec.num_classes is None else split.context
            return dataclasses.replace(split, context=None, label=label)

        return dataclasses.replace(
            self,
            spec=dataclasses.replace(self.spec, context=None),
            # A density given the context is not that of the examples alone.
            log_prob=None,
            train=alone(self.train),
            validation=alone(self.validation),
            test=alone(self.test),
        )

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the bytes, shapes and dtypes of all splits."""
        digest = hashlib.sha256()
        for name, split in self.splits.items():
            for key in ("x", "context", "grey", "group"):
                array = getattr(split, key)
                if array is not None:
                    header = f"{name}.{key} {array.dtype.str} {array.shape};"
                    digest.update(header.encode())
                    # Of rows on disk it is known already.
                    known = getattr(array, "sha256", "").encode()
                    digest.update(known or np.ascontiguousarray(array).data)
        return digest.hexdigest()


def split_rows(
    x: np.ndarray,
    context: np.ndarray | None,
    *,
    seed: int,
    validation: float = 0.1,
    test: float = 0.1,
) -> tuple[Split, Split, Split]:
    """Splits rows into train, validation and test by a seeded permutation.

    Args:
        x: The examples, `[rows, *event_shape]`.
        context: Their context, `[rows, ...]`, or None.
        seed: Seed of the permutation.
        validation: Fraction of the rows for validation.
        test: Fraction of the rows for testing.

    Returns:
        The three splits.

    Raises:
        ValueError: If a split would be empty.
    """
    num_validation, num_test = held_out(len(x), validation=validation, test=test)
    order = np.random.default_rng(seed).permutation(len(x))

    def take(index: np.ndarray) -> Split:
        return Split(x[index], None if context is None else context[index])

    rest = order[num_test:]
    return (
        take(rest[num_validation:]),
        take(rest[:num_validation]),
        take(order[:num_test]),
    )


def held_out(
    rows: int, *, validation: float = 0.1, test: float = 0.1
) -> tuple[int, int]:
    """How many of so many rows are for validation, and how many for testing.

    Raises:
        ValueError: If a split would be empty.
    """
    # The small number keeps 0.1 * 10 from being cut to 0.
    num_validation = int(rows * validation + 1e-9)
    num_test = int(rows * test + 1e-9)
    if min(num_validation, num_test, rows - num_validation - num_test) < 1:
        smallest = math.ceil(1 / min(validation, test) - 1e-9)
        raise ValueError(
            f"A split into train, validation and test needs at least {smallest} rows; "
            f"received {rows}; give more rows, or a file for each split."
        )
    return num_validation, num_test


def load(
    name: str,
    *,
    data_dir: str | None = None,
    context: Sequence[str] = (),
    drop: Sequence[str] = (),
    dequantize: Sequence[str] = (),
    validation: str | None = None,
    test: str | None = None,
    binarize: str | None = None,
    stream: bool | None = None,
    seed: int = 0,
) -> DataSet:
    """Loads a data set of the zoo, a TensorFlow data set, or the user's own file.

    Built-in data have fixed splits, so that numbers compare; only a user's own file is
    split by `seed`.

    Args:
        name: A name in `zoo/datasets`, `tfds:NAME`, or the path of a .csv, .parquet,
            .npz or .npy file (`file.npz:array` for one array of several); or what
            `zoo.streaming` leaves on disk.
        data_dir: Where prepared or downloaded data are kept.
        context: Columns of the user's file to condition on.
        drop: Columns of the user's file to leave out.
        dequantize: Columns of the user's file whose values lie on a grid.
        validation: The user's own validation file; then `name` holds training rows.
        test: The user's own test file.
        binarize: `"dynamic"` for bits of grey images, as `zoo.binarization` draws them.
        stream: Whether rows stay on disk, as `zoo.streaming` has it; shards and
            TFRecord files always do.
        seed: Seed of the split of a user's file.

    Returns:
        The data set, checked: finite, of the promised shapes, no split empty.

    Raises:
        ValueError: If the data do not fit, or an option does not fit the source.
        FileNotFoundError: If there is no such file.
    """
    if streaming.is_wanted(name, stream=stream):
        if binarize is not None:
            raise ValueError(
                "--binarize is for images in memory; received it with --stream; leave "
                "one of them out."
            )
        from zoo.streaming import loading

        return loading.load(
            name,
            data_dir=data_dir,
            context=context,
            drop=drop,
            dequantize=dequantize,
            validation=validation,
            test=test,
            seed=seed,
        )
    if _is_file(name):
        from zoo import tables
        from zoo.streaming import sources

        sources.require_room(name)
        if data_dir is not None:
            raise ValueError(
                "--data_dir is for built-in data sets and tfds:NAME; received "
                f"--data_dir={data_dir} with the file {name}; put the directory into "
                "--dataset."
            )
        dataset = tables.load(
            name,
            context=context,
            drop=drop,
            dequantize=dequantize,
            validation=validation,
            test=test,
            seed=seed,
        )
    else:
        options = {"context": context, "drop": drop, "dequantize": dequantize}
        files = {"validation": validation, "test": test}
        for option in (key for key, value in {**options, **files}.items() if value):
            raise ValueError(
                f"--{option} is for your own .csv, .parquet, .npz or .npy file; "
                f"received it with --dataset={name}; leave it out."
            )
        dataset = _load_named(name, data_dir, seed)
    _checks.check(dataset)
    if binarize is None:
        return dataset
    if binarize != "dynamic":
        raise ValueError(
            f"--binarize is 'dynamic' or left out; received {binarize!r}; choose one."
        )
    from zoo import binarization

    return binarization.binarize(dataset)


def _load_named(name: str, data_dir: str | None, seed: int) -> DataSet:
    if name.startswith("tfds:"):
        from zoo import tfds_sets

        return tfds_sets.load(name.removeprefix("tfds:"), data_dir=data_dir)
    return registry.find("datasets", name).load(data_dir=data_dir, seed=seed)


def _is_file(name: str) -> bool:
    path, _, array = name.rpartition(":")
    if path.lower().endswith(".npz") and array:
        return True
    return name.lower().endswith(_TABLE_SUFFIXES)


def _plain(spec: ContextSpec | DataSpec) -> dict[str, object]:
    config: dict[str, object] = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if isinstance(value, ContextSpec):
            value = value.to_json()
        config[field.name] = list(value) if isinstance(value, tuple) else value
    return config


def _restore(cls: type[_Spec], config: Mapping[str, object]) -> _Spec:
    return cls(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in config.items()
        }
    )
