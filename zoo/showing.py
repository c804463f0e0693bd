"""Samples of a trained model, and the pictures that suit it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgen import GenerativeModel, random
from zoo import labels, latents, offers, pictures
from zoo.data import DataSet, DataSpec, Split
from zoo.evaluation import Scorer
from zoo.model_dir import Replacing, save_arrays
from zoo.runs import Run

_MOST_NUMBERS = 2**31
_CHUNK = 1000
_IMAGES = 100
_MOST_TEST_ROWS = 100_000


def draw(
    model: GenerativeModel,
    num_samples: int,
    *,
    seed: int = 0,
    context: np.ndarray | None = None,
) -> np.ndarray:
    """`[num_samples, *event_shape]`, in chunks, so that any number fits in memory."""
    sample_rows = tf.function(model.sample_rows, reduce_retracing=True)
    seeds = random.row_seeds(seed, tf.range(num_samples))
    parts = []
    for start in range(0, num_samples, _CHUNK):
        rows = slice(start, start + _CHUNK)
        given = None if context is None else tf.constant(context[rows])
        parts.append(sample_rows(seeds[rows], given).numpy())
    return np.concatenate(parts)


def picture_contexts(data: DataSet, num_samples: int) -> np.ndarray | None:
    """Contexts to sample under: the classes in turn, or those of the test rows.

    Where a model may be told labels and was told none, its categories are no classes:
    samples are of any.
    """
    spec = data.spec.context
    if spec is None:
        return None
    if spec.optional and not labels.are_told(data):
        return offers.unknown(num_samples)
    if spec.num_classes is not None:
        return np.arange(num_samples, dtype=spec.dtype) % spec.num_classes
    rows = np.arange(num_samples) % len(data.test)
    return None if data.test.context is None else data.test.context[rows]


def draw_picture(
    path: Path,
    model: GenerativeModel,
    data: DataSet,
    samples: np.ndarray,
    context: np.ndarray | None = None,
    seed: int = 0,
) -> Path:
    """Writes the picture of samples that suits the data.

    Images become a grid, one row a class where there are classes; skeletons rows of
    stick figures; two features a map of the density beside data and samples; other
    tables marginals and pair plots. The title is the name of the data set. Where images
    are drawn from means, as those of models that reconstruct are, the grid has the
    means, and the title says so.

    Args:
        path: Where to write, a `.png`.
        model: The model, for densities.
        data: The data set, for test rows.
        samples: `[rows, *event_shape]`.
        context: What the samples were drawn under.
        seed: What they were drawn with.
    """
    spec = data.spec
    # Floats would be taken for shades from 0 to 1.
    samples = samples.astype(spec.dtype)
    if spec.is_image:
        title, offered = spec.name, offers.offer(model, data)
        if offered:
            context = None if context is None else context[:_IMAGES]
            count = len(samples[:_IMAGES])
            means = offers.sample_means(offered, count, seed, context)
            samples = offers.shades(means, spec)
            title = f"{spec.name}: decoder means, codes drawn from the prior"
        return _draw_images(path, spec, samples, context, title)
    if spec.parents is not None:
        return _draw_skeletons(path, spec, samples, context)
    test = data.test.x[:_MOST_TEST_ROWS]
    columns = spec.columns or tuple(f"x{i + 1}" for i in range(spec.num_features))
    if spec.num_features == 2 and context is None and model.kind != "none":
        scorer = Scorer(model)

        def log_prob(points: np.ndarray) -> np.ndarray:
            return scorer(Split(points.astype("float32")))[model.term_names[0]]

        return pictures.density_2d(
            path, test, samples, log_prob, names=columns, title=spec.name
        )
    if context is not None and context.ndim == 2:
        names = (data.spec.context.columns if data.spec.context else ()) or tuple(
            f"context{i + 1}" for i in range(context.shape[1])
        )
        given = np.asarray(data.test.context)[: len(test)]
        test = np.concatenate([given, test], axis=1)
        samples = np.concatenate([context, samples], axis=1)
        columns = (*names, *columns)
    return pictures.pair_plot(path, test, samples, names=columns, title=spec.name)


def _draw_images(
    path: Path,
    spec: DataSpec,
    samples: np.ndarray,
    context: np.ndarray | None,
    title: str,
) -> Path:
    levels = spec.levels or 256
    classes = spec.context.num_classes if spec.context else None
    if context is not None and classes is not None:
        # One row of ten for each class that has so many.
        rows = {label: samples[context == label][:10] for label in range(classes)}
        rows = {label: row for label, row in rows.items() if len(row) == 10}
        if rows:
            return pictures.image_grid(
                path,
                np.concatenate(list(rows.values())),
                levels=levels,
                title=title,
                columns=10,
                row_labels=[str(label) for label in rows],
            )
    return pictures.image_grid(path, samples[:_IMAGES], levels=levels, title=title)


def _draw_skeletons(
    path: Path, spec: DataSpec, samples: np.ndarray, context: np.ndarray | None
) -> Path:
    labels = None
    if context is not None and context.max() >= 0:
        # The first sample of each class.
        classes, rows = np.unique(context, return_index=True)
        samples, labels = samples[rows], [str(label) for label in classes[:10]]
    return pictures.stick_figures(
        path, samples[:10], spec.parents or (), title=spec.name, row_labels=labels
    )


def write_samples(
    run: Run,
    data: DataSet,
    *,
    num_samples: int,
    seed: int = 0,
    context: Sequence[str] | None = None,
    output: str | None = None,
) -> list[Path]:
    """Writes samples as `.npz` and pictures beside it; returns all paths in this order.

    The pictures are that of the samples, of the same name, and those of `zoo.latents`,
    whose names begin with it if it is not the default.

    Args:
        run: The trained model.
        data: The data it was trained on.
        num_samples: How many.
        seed: Equal seeds give equal samples.
        context: What to condition on, as texts, the same for all samples.
        output: The `.npz` file; by default `samples.npz` in the `model_dir`.

    Raises:
        ValueError: If the context does not fit the model, or the output its name.
    """
    target = Path(output) if output else run.directory.path / "samples.npz"
    if target.suffix != ".npz":
        raise ValueError(
            f"Samples go into an .npz file; received --output={output}. Give a name "
            "that ends with .npz."
        )
    if num_samples * run.spec.num_features > _MOST_NUMBERS:
        raise ValueError(
            f"Samples are held in memory, at most {_MOST_NUMBERS:,} numbers; received "
            f"--num_samples={num_samples} of {run.spec.num_features} each. Draw fewer, "
            "each part with a --seed and an --output of its own."
        )
    if context is None:
        contexts = picture_contexts(data, num_samples)
    else:
        contexts = parse_context(context, run.spec, num_samples)
    samples = draw(run.model, num_samples, seed=seed, context=contexts)
    samples = samples.astype(run.spec.dtype)
    arrays = {"x": samples} if contexts is None else {"x": samples, "context": contexts}
    with Replacing(target) as path, path.open("wb") as file:
        save_arrays(file, arrays)
    picture = target.with_suffix(".png")
    draw_picture(picture, run.model, data, samples, contexts, seed)
    prefix = f"{target.stem}-" if output else ""
    drawn = latents.draw_pictures(target.parent, run.model, data, prefix)
    return [target, picture, *drawn]


def parse_context(texts: Sequence[str], spec: DataSpec, num_samples: int) -> np.ndarray:
    """The same context for all samples, from texts.

    Raises:
        ValueError: If the model takes no context, or another one.
    """
    if spec.context is None:
        raise ValueError(
            "Only conditional models take a context; received --context="
            f"{','.join(texts)} for a model of p(x). Leave it out."
        )
    size = int(np.prod(spec.context.shape))
    classes = spec.context.num_classes
    low = -1 if spec.context.optional else 0
    what = f"a class, {low} to {classes - 1}" if classes else f"{size} numbers"
    try:
        values = np.asarray(texts, np.float64)
    except ValueError:
        values = np.asarray([])
    fits = len(values) == size and bool(np.isfinite(values).all())
    if classes is not None:
        fits = fits and values[0] in range(low, classes)
    if not fits:
        raise ValueError(
            f"The context of this model is {what}; received "
            f"--context={','.join(texts)}. Separate numbers by commas."
        )
    row = values.astype(spec.context.dtype).reshape(spec.context.shape)
    return np.broadcast_to(row, (num_samples, *spec.context.shape)).copy()
