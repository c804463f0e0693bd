"""Data sets of TensorFlow Datasets: `--dataset=tfds:NAME`.

Taken are 8-bit images of one size and flat vectors of floats; a class label becomes the
context. A split is read into memory once. Where the set has no validation split, the
last tenth of the training split in stored order is taken, and where it has no test
split, a tenth of the training split by a fixed permutation.

Left to itself TFDS retries a download for more than three minutes without a network,
fills the terminal with warnings, and can look for prepared data in Google's storage.
Here it gives up after about a second, says one sentence, and reads `--data_dir` alone.
"""

import contextlib
import json
import logging
import math
import re
import sys
import warnings
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow_datasets as tfds
from absl import logging as absl_logging

from zoo.data import ContextSpec, DataSet, DataSpec, Split, split_rows
from zoo.factors import Factors

_BATCH = 1_000
_RETRIES = 2
# What TFDS takes for the name of a class, and imports.
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type")
# A colon before the name would be a namespace, which TFDS looks up in the network.
_NAME = re.compile(r"\w+(/[\w.-]+)?(:[\d.*]+)?")


def load(
    name: str,
    *,
    data_dir: str | None,
    levels: int = 256,
    num_validation: int | None = None,
) -> DataSet:
    """Reads a data set, downloading and preparing it if need be.

    Args:
        name: Its name, `name`, `name/config` or `name:version`.
        data_dir: Directory of TensorFlow Datasets; None for its default,
            `~/tensorflow_datasets`.
        levels: Number of values of the pixels.
        num_validation: Take this many of the last training rows for validation; by
            default, the set's own validation split, or the last tenth.

    Returns:
        The data set, with fixed splits.

    Raises:
        ValueError: If TFDS has no such set, or it has nothing this project can take.
        FileNotFoundError: If it is not prepared and cannot be downloaded.
    """
    with quiet():
        builder = prepared(name, data_dir)
        key, label_key = choose_features(builder)
        splits = _read_splits(builder, key, label_key, num_validation)
    feature = builder.info.features[key]
    shape = splits[0].x.shape[1:]
    is_image = isinstance(feature, tfds.features.Image)
    context = None
    if label_key is not None and splits[0].context is not None:
        classes = builder.info.features[label_key].num_classes
        context = ContextSpec((), "int32", num_classes=classes, columns=(label_key,))
    spec = DataSpec(
        name=builder.info.name,
        event_shape=shape,
        dtype="uint8" if is_image else "float32",
        levels=levels if is_image else None,
        context=context,
        num_train=len(splits[0]),
    )
    return DataSet(spec, *splits)


def load_factors(
    name: str,
    features: Mapping[str, str],
    *,
    data_dir: str | None,
    categorical: tuple[str, ...] = (),
) -> Factors:
    """Reads all splits of a data set with an image for each combination of factors.

    The images stay in memory.

    Args:
        name: Its name in TFDS.
        features: The class label in TFDS for each factor, by the factor's name.
        data_dir: Directory of TensorFlow Datasets; None for its default,
            `~/tensorflow_datasets`.
        categorical: The factors whose values have no order.

    Returns:
        The factors, in the order of `features`.

    Raises:
        ValueError: If it has not exactly one image for each combination.
        FileNotFoundError: If it is not prepared and cannot be downloaded.
    """
    with quiet():
        builder = prepared(name, data_dir)
        labels = builder.info.features
        sizes = tuple(labels[key].num_classes for key in features.values())
        shape = labels["image"].shape
        images = np.empty((math.prod(sizes), *shape), np.uint8)
        count = np.zeros(len(images), np.int64)
        for split in sorted(builder.info.splits):
            for batch in batches(builder, split, ("image", *features.values())):
                points = tuple(batch[key] for key in features.values())
                index = np.ravel_multi_index(points, sizes)
                images[index] = batch["image"]
                np.add.at(count, index, 1)
    if (count != 1).any():
        raise ValueError(
            "Data made of factors have one image for each combination of them; "
            f"received tfds:{name} with {(count == 0).sum()} of {len(count)} missing "
            f"and {(count > 1).sum()} there twice or more. Prepare it anew."
        )
    images = images[..., 0] if shape[-1] == 1 else images

    def render(points: np.ndarray) -> np.ndarray:
        return images[np.ravel_multi_index(tuple(points.T), sizes)]

    return Factors(tuple(features), sizes, render, categorical)


def prepared(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """The builder of a data set that has something to take, downloaded if need be."""
    builder = _builder(name, data_dir)
    choose_features(builder)
    _prepare(builder, name)
    return builder


def _builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "A data set of TFDS is NAME, NAME/CONFIG or NAME:VERSION; "
            f"received 'tfds:{name}'; see tensorflow.org/datasets/catalog."
        )
    if data_dir is not None:
        _check_classes(name, data_dir)
    try:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    # TFDS raises ValueError, AssertionError or ImportError, with lists of all its sets.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            "TFDS must know the data set's name, config and version; received "
            f"'tfds:{name}' ({reason}); see tensorflow.org/datasets/catalog."
        ) from error


def _check_classes(name: str, data_dir: str) -> None:
    """Raises ValueError if prepared data name classes of which TFDS would run code."""
    folder, wanted = tfds.core.Path(data_dir).expanduser(), re.split("[/:]", name)[0]
    # With or without a configuration above the version.
    paths = [*folder.glob("*/*/features.json"), *folder.glob("*/*/*/features.json")]
    for path in paths:
        held = path.relative_to(folder).parts[0]
        # TFDS writes names in its own way.
        if held.replace("_", "").lower() != wanted.replace("_", "").lower():
            continue
        for found in _classes(path.read_text()):
            if not found.startswith("tensorflow_datasets."):
                raise ValueError(
                    "Prepared data are made of the features of TFDS; received "
                    f"{found[:80]} in {path}. Prepare the data anew in another "
                    "--data_dir."
                )


def _classes(text: str) -> list[str]:
    """The names of classes in a description of features, which may hold others."""
    found: list[str] = []
    left: list[object] = [text]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            names = (value.get(key) for key in _CLASS_KEYS)
            found += [name for name in names if isinstance(name, str)]
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and value.lstrip().startswith(("{", "[")):
            with contextlib.suppress(ValueError):
                left.append(json.loads(value))
    return found


def choose_features(builder: tfds.core.DatasetBuilder) -> tuple[str, str | None]:
    """The feature to model and the class label, if there is one."""
    info = builder.info
    is_dict = isinstance(info.features, tfds.features.FeaturesDict)
    features = dict(sorted(info.features.items())) if is_dict else {}
    takes = [key for key, feature in features.items() if _is_taken(feature)]
    labels = [k for k, f in features.items() if isinstance(f, tfds.features.ClassLabel)]
    keys = info.supervised_keys
    supervised = [k for k in keys if isinstance(k, str)] if keys else []
    preferred = [key for key in (*supervised, "image") if key in takes]
    if len(takes) != 1 and not preferred:
        shown = ", ".join(
            f"{k} {type(f).__name__}{f.shape}" for k, f in features.items()
        )
        raise ValueError(
            "Taken is a feature that is an 8-bit image of a fixed size or a vector of "
            f"floats; received tfds:{info.name} with {shown or info.features}; save "
            "what you want to model as .npz and give that file."
        )
    named = [key for key in supervised if key in labels]
    label = named[0] if named else labels[0] if len(labels) == 1 else None
    return (preferred or takes)[0], label


def _is_taken(feature: tfds.features.FeatureConnector) -> bool:
    shape = feature.shape
    if not isinstance(shape, tuple) or not shape or None in shape:
        return False
    if isinstance(feature, tfds.features.Image):
        return feature.np_dtype == np.uint8
    is_tensor = isinstance(feature, tfds.features.Tensor) and len(shape) == 1
    return is_tensor and np.issubdtype(feature.np_dtype, np.floating)


def _prepare(builder: tfds.core.DatasetBuilder, name: str) -> None:
    if builder.is_prepared():
        return
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        builder.download_and_prepare(download_config=config)
    # Whatever went wrong on the way (network, checksum, manual download, disk).
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise FileNotFoundError(
            f"tfds:{name} must be prepared in {builder.data_path.parent.parent} or be "
            f"downloadable; received neither ({reason[:120]}); run once with a "
            "network, or give the directory of a prepared copy as --data_dir."
        ) from error


def stored_splits(builder: tfds.core.DatasetBuilder) -> list[str]:
    """The splits that a set has; one of them must be for training."""
    stored = list(builder.info.splits)
    if "train" not in stored:
        raise ValueError(
            "A data set needs a train split; received "
            f"tfds:{builder.info.name} with {', '.join(stored)}; choose another."
        )
    return stored


def _read_splits(
    builder: tfds.core.DatasetBuilder,
    key: str,
    label_key: str | None,
    num_validation: int | None,
) -> tuple[Split, Split, Split]:
    stored = stored_splits(builder)
    keep_validation = "validation" in stored and num_validation is None
    train = _read(builder, "train", key, label_key)
    test = _read(builder, "test", key, label_key) if "test" in stored else None
    if keep_validation:
        validation = _read(builder, "validation", key, label_key)
        if test is None:
            order = np.random.default_rng(0).permutation(len(train))
            cut = max(1, len(train) // 10)
            test, train = _take(train, order[:cut]), _take(train, order[cut:])
    elif test is None:
        train, validation, test = split_rows(train.x, train.context, seed=0)
    else:
        cut = len(train) - (num_validation or max(1, len(train) // 10))
        validation, train = _take(train, slice(cut, None)), _take(train, slice(cut))
    # Some sets hide the labels of a split behind -1.
    if any(
        split.context is not None and split.context.min() < 0
        for split in (train, validation, test)
    ):
        return Split(train.x), Split(validation.x), Split(test.x)
    return train, validation, test


def _take(split: Split, index: np.ndarray | slice) -> Split:
    context = None if split.context is None else split.context[index]
    return Split(split.x[index], context)


def _read(
    builder: tfds.core.DatasetBuilder, name: str, key: str, label_key: str | None
) -> Split:
    feature = builder.info.features[key]
    rows = builder.info.splits[name].num_examples
    is_image = isinstance(feature, tfds.features.Image)
    x = np.empty((rows, *feature.shape), np.uint8 if is_image else np.float32)
    label = None if label_key is None else np.empty(rows, np.int32)
    start = 0
    keys = (key,) if label_key is None else (key, label_key)
    for batch in batches(builder, name, keys):
        end = start + len(batch[key])
        x[start:end] = batch[key]
        if label is not None and label_key is not None:
            label[start:end] = batch[label_key]
        start = end
    if is_image and x.shape[-1] == 1:
        x = x[..., 0]
    return Split(x, label)


def batches(
    builder: tfds.core.DatasetBuilder, split: str, keys: tuple[str, ...]
) -> Iterator[dict[str, np.ndarray]]:
    """Some features of all rows of a split, in stored order."""
    dataset = builder.as_dataset(
        split=split,
        batch_size=_BATCH,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(keys, True)),
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    yield from tfds.as_numpy(dataset)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back TFDS's logs and warnings, and most of its retries."""
    from tensorflow_datasets.core.download import downloader

    verbosity, retries = absl_logging.get_verbosity(), downloader.MAX_RETRIES
    urllib3 = logging.getLogger("urllib3")
    level = urllib3.level
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    absl_logging.set_verbosity(absl_logging.ERROR)
    urllib3.setLevel(logging.ERROR)
    downloader.MAX_RETRIES = _RETRIES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        absl_logging.set_verbosity(verbosity)
        urllib3.setLevel(level)
        downloader.MAX_RETRIES = retries
