"""Densities of the rows of a file, for anomaly scores."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from zoo.data import Split
from zoo.evaluation import Scorer, percentiles
from zoo.model_dir import Replacing
from zoo.runs import Run
from zoo.tables import iterate_rows

_SHOWN = 10
_NO_NUMBER = "its values are too large for the model's 32-bit floats"


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

    Raises:
        ValueError: If the target is the source, or the source cannot be read.
    """
    if Path(target).exists() and Path(source).exists():
        if Path(target).samefile(source):
            raise ValueError(
                "Scores go into a file of their own; received the same file as --input "
                f"and as --output, {target}. Give another --output."
            )
    scorer = Scorer(run.model)
    answer = run.model.term_names[0]
    rows = 0
    bad_rows: list[tuple[int, str]] = []
    lowest = (np.inf, 0)
    with Replacing(Path(target)) as path, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", answer, "percentile"])
        for first, x, context, bad in iterate_rows(source, run.spec, batch_size):
            scores = scorer(Split(x, context), first_row=first - 1)[answer]
            reasons = reasons_for_no_score([scores], first, bad)
            bad_rows += reasons.items()
            shares = percentiles(scores, run.report)
            for number, (score, share) in enumerate(
                zip(scores, shares, strict=True), start=first
            ):
                if number in reasons:
                    writer.writerow([number, "", ""])
                else:
                    lowest = min(lowest, (float(score), number))
                    writer.writerow([number, f"{score:.6g}", f"{share:.1f}"])
            rows += len(scores)
    print(f"{rows:,} rows of {source} scored into {target}")
    if lowest[1]:
        print(f"lowest {answer}: {lowest[0]:.6g} nats, row {lowest[1]}")
    for number, reason in bad_rows[:_SHOWN]:
        print(f"row {number} has no score: {reason}")
    if len(bad_rows) > _SHOWN:
        print(f"... and {len(bad_rows) - _SHOWN:,} more rows without a score")


def reasons_for_no_score(
    answers: Iterable[np.ndarray], first: int, bad: Sequence[tuple[int, str]]
) -> dict[int, str]:
    """Which rows have no score, and why: their values, or else the model's answer.

    Args:
        answers: The model's answers, each `[rows]`.
        first: The number of the first row.
        bad: Numbers and reasons of rows whose values the model cannot take, as
            `iterate_rows` gives them.

    Returns:
        The reason for each number, in the order of the numbers.
    """
    reasons = dict(bad)
    for values in answers:
        for row in np.flatnonzero(np.isnan(values)):
            reasons.setdefault(first + int(row), _NO_NUMBER)
    return dict(sorted(reasons.items()))
