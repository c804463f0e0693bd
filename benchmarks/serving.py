"""What serving costs: the exported model beside the one in Python, and row seeds.

    python benchmarks/serving.py runs/maf-digits serving/maf-digits/1

Calls are interleaved; the table has medians, and the median of the ratios of
neighbouring calls, which other work on the machine disturbs least.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.distributions import Flow
from zoo.evaluation import input_specs
from zoo.runs import open_run

REPEATS = 40


def compare(
    name: str,
    first: Callable[[], object],
    second: Callable[[], object],
    repeats: int = REPEATS,
) -> None:
    """Prints the times of two functions, called in turn, and their ratio."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 3):
        for function, taken in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            if turn >= 3:  # The first calls plan and allocate.
                taken.append(time.perf_counter() - start)
    a, b = (1e3 * statistics.median(taken) for taken in times)
    ratio = statistics.median(y / x for x, y in zip(*times, strict=True))
    print(f"{name:28} {a:10.2f} {b:10.2f} {ratio:8.3f}")


def main() -> None:
    """Times a model in Python against the same as a SavedModel."""
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} MODEL_DIR SAVED_MODEL")
    model_dir, saved_model = sys.argv[1:]
    run = open_run(model_dir)
    with np.load(f"{model_dir}/examples.npz") as arrays:
        rows = dict(arrays)
    served = tf.saved_model.load(saved_model).signatures
    specs = input_specs({k: v for k, v in rows.items() if k in ("x", "context")})
    signatures = {s.name: s for s in run.model.signatures(specs)}

    def calls(name: str, size: int) -> list[Callable[[], object]]:
        inputs = {
            key: tf.constant(np.resize(rows[key], (size, *rows[key].shape[1:])))
            for key in signatures[name].inputs
        }
        python = tf.function(signatures[name].function, autograph=False)
        output = next(iter(served[name](**inputs)))
        return [
            lambda: python(dict(inputs))[output].numpy(),
            lambda: served[name](**inputs)[output].numpy(),
        ]

    print(f"{'milliseconds':28} {'Python':>10} {'exported':>10} {'ratio':>8}")
    answer = run.model.term_names[0]
    for name, size, repeats in (
        (answer, 1, 10 * REPEATS),
        (answer, 100, 4 * REPEATS),
        ("sample", 1000, REPEATS),
    ):
        compare(f"{name}, {size:,} rows", *calls(name, size), repeats)

    layer = getattr(run.model, "distribution", None) or run.model.density
    if isinstance(layer, Flow) and "context" not in rows:
        seeds = random.row_seeds(0, tf.range(1000))

        @tf.function
        def batched(seed: tf.Tensor) -> tf.Tensor:
            # As TFP draws a batch, from one seed for all rows.
            z = layer.base.distribution().sample(1000, seed)
            return layer.distribution().forward(z)

        by_row = tf.function(layer.sample)
        seed = tf.constant([1, 2])
        print(f"\n{'':28} {'batched':>10} {'row seeds':>10} {'ratio':>8}")
        compare(
            "sample, 1,000 rows",
            lambda: batched(seed).numpy(),
            lambda: by_row(seeds).numpy(),
        )


if __name__ == "__main__":
    main()
