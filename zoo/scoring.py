"""Densities of the rows of a file, for anomaly scores."""

import csv
from pathlib import Path

import numpy as np

from zoo.data import Split
from zoo.evaluation import Scorer, percentiles
from zoo.model_dir import Replacing
from zoo.runs import Run
from zoo.tables import iterate_rows

_SHOWN = 10


def score_file(run: Run, source: str, target: str, *, batch_size: int = 10_000) -> None:
    """Scores a file in batches of rows; bad rows are named and do not stop the others.

    Writes a `.csv` with the columns `row` (from 1), the model's answer (`log_prob` or a
    bound, nats) and `percentile`: per cent of the training rows that score lower. A bad
    row has empty cells.

    Args:
        run: The trained model.
        source: File with the columns that the model was trained on.
        target: The `.csv` file to write; it appears when it is whole.
        batch_size: Rows in memory at a time.
    """
    scorer = Scorer(run.model)
    answer = run.model.term_names[0]
    rows = 0
    bad_rows: list[tuple[int, str]] = []
    lowest = (np.inf, 0)
    with Replacing(Path(target)) as path, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", answer, "percentile"])
        for first, x, context, bad in iterate_rows(source, run.spec, batch_size):
            scores = scorer(Split(x, context), first_row=first)[answer]
            for number, _ in bad:
                scores[number - first] = np.nan
            for offset, (score, percentile) in enumerate(
                zip(scores, percentiles(scores, run.report), strict=True)
            ):
                cells = ["", ""]
                if not np.isnan(score):
                    cells = [f"{score:.6g}", f"{percentile:.1f}"]
                    lowest = min(lowest, (float(score), first + offset))
                writer.writerow([first + offset, *cells])
            bad_rows += bad
            rows += len(scores)
    print(f"{rows:,} rows of {source} scored into {target}")
    if np.isfinite(lowest[0]):
        print(f"lowest {answer}: {lowest[0]:.3f} nats, row {lowest[1]}")
    for number, reason in bad_rows[:_SHOWN]:
        print(f"row {number} has no score: {reason}")
    if len(bad_rows) > _SHOWN:
        print(f"... and {len(bad_rows) - _SHOWN:,} more rows without a score")
