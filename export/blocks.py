"""Blocks of rows: read from a file, answered by a served model, made into a table."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow
import tensorflow as tf

from export.summary import read_about
from tfgen import random
from zoo.data import DataSpec
from zoo.evaluation import percentiles
from zoo.fitting import EVALUATION_SEED
from zoo.model_dir import Json
from zoo.scoring import reasons_for_no_score
from zoo.tables import iterate_rows

_ABOUT = "assets.extra/model.json"
# Rows that are converted at a time; a block is put together from them.
_READ_ROWS = 10_000
# What a row has; a signature that asks for more cannot score rows.
_INPUTS = {"x", "context", "seed"}

Answers = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Block:
    """Neighbouring rows of a file, which are scored and written together.

    Args:
        path: The file.
        first: The number of the first row, from 1.
        x: `[rows, *event_shape]`.
        context: `[rows, ...]`, or None.
        bad: Numbers and reasons of the rows that the model cannot take.
    """

    path: str
    first: int
    x: np.ndarray
    context: np.ndarray | None
    bad: list[tuple[int, str]]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.x)


def read_blocks(
    path: str, spec: DataSpec, size: int, start: int = 0, stop: int | None = None
) -> Iterator[Block]:
    """Reads blocks of `size` rows, of which the last of a file may have fewer.

    Args:
        path: A .csv, .parquet, .npy or .npz file, or `file.npz:array`.
        spec: The data the model was made for.
        size: Rows of a block.
        start: The first block to read, from 0.
        stop: The block to stop before; by default all are read.
    """
    batches = iterate_rows(
        path,
        spec,
        min(size, _READ_ROWS),
        start=start * size,
        stop=None if stop is None else stop * size,
        align=size,
    )
    for _, parts in itertools.groupby(batches, lambda batch: (batch[0] - 1) // size):
        firsts, xs, contexts, bads = zip(*parts, strict=True)
        context = None if contexts[0] is None else np.concatenate(contexts)
        bad = list(itertools.chain.from_iterable(bads))
        yield Block(path, firsts[0], np.concatenate(xs), context, bad)


@dataclasses.dataclass(frozen=True)
class RowSignature:
    """A signature of an exported model that answers rows: it takes `x`, perhaps more.

    Args:
        saved_model: Directory of the exported version.
        name: The signature.
        inputs: What it takes, of `x`, `context` and `seed`.
        spec: The data the model was made for.
        report: The numbers of the training.
        is_main: Whether its answer is what the report is about.
    """

    saved_model: str
    name: str
    inputs: tuple[str, ...]
    spec: DataSpec
    report: Json = dataclasses.field(repr=False)
    is_main: bool = False

    @classmethod
    def find(cls, saved_model: str, name: str | None = None) -> "RowSignature":
        """Finds a signature of a model of this zoo; nothing of it is loaded or run.

        Args:
            saved_model: Directory of the exported version.
            name: The signature; by default the model's main answer.

        Raises:
            FileNotFoundError: If there is no model, or nothing that tells about it.
            ValueError: If it has no such signature, or one that cannot answer rows, or
                what tells about it is damaged.
        """
        about = read_about(Path(saved_model))
        if about is None or not (Path(saved_model) / "saved_model.pb").is_file():
            missing = "saved_model.pb" if about is not None else _ABOUT
            raise FileNotFoundError(
                f"A model of this zoo has a saved_model.pb and an {_ABOUT}; "
                f"received {saved_model} without {missing}. Give the directory of one "
                "version, as in serving/maf/1."
            )
        try:
            default, takes, spec = _parse(about)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError(
                f"{saved_model}/{_ABOUT} is damaged, or not by an export of this zoo. "
                "Export the model anew."
            ) from None
        name = name or default
        fit = [key for key, inputs in takes.items() if {"x"} <= inputs <= _INPUTS]
        if name not in fit:
            received = "which it has not"
            if name in takes:
                received = f"which takes {', '.join(sorted(takes[name]))}"
            raise ValueError(
                "Rows are scored by a signature that takes x, and perhaps context and "
                f"seed; received --signature={name}, {received}. {saved_model} offers: "
                f"{', '.join(sorted(fit)) or 'none'}."
            )
        return cls(
            saved_model,
            name,
            tuple(sorted(takes[name])),
            spec,
            about["report"],
            name == default,
        )

    def load(self) -> Callable[[Block, int], Answers]:
        """Loads the model; gives `answer(block, batch_size)`, see `answer`."""
        model = tf.saved_model.load(self.saved_model)

        def answers(block: Block, batch_size: int) -> Answers:
            # The function alone would not keep the model's weights.
            return answer(model.signatures[self.name], self.inputs, block, batch_size)

        return answers

    def table(
        self, block: Block, answers: Answers
    ) -> tuple[pyarrow.Table, dict[int, str]]:
        """The answers to the good rows, and for the bad ones the reasons.

        Args:
            block: The rows.
            answers: What the signature gave for all of them.

        Returns:
            A table with the columns `file`, `row`, those of the answers, and for the
            main answer `percentile`, as in `zoo.score`; and reasons by row numbers.
        """
        columns: dict[str, np.ndarray] = {}
        # The answer that the signature is named after comes first.
        for name in sorted(answers, key=lambda name: (name != self.name, name)):
            values = answers[name]
            if values.ndim == 1:
                columns[name] = values
            else:
                flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
                columns |= {f"{name}_{i}": flat[:, i] for i in range(flat.shape[1])}
        reasons = reasons_for_no_score(columns.values(), block.first, block.bad)
        if self.is_main and self.name in answers:
            columns["percentile"] = percentiles(answers[self.name], self.report)
        numbers = np.arange(block.first, block.first + len(block))
        good = ~np.isin(numbers, list(reasons))
        files = pyarrow.repeat(block.path, int(good.sum()))
        rest = {"row": numbers, **columns}
        table = {"file": files, **{name: v[good] for name, v in rest.items()}}
        return pyarrow.table(table), reasons


def _parse(about: Json) -> tuple[str, dict[str, set[str]], DataSpec]:
    """The main answer, what each signature takes, and the data.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: If what scoring needs is not
            there, or is something else.
    """
    default = about["default_signature"]
    signatures: Json = about["signatures"]
    takes = {name: {*known["inputs"].keys()} for name, known in signatures.items()}
    spec = DataSpec.from_json(about["dataset"]["spec"])
    context = spec.context
    columns = (*spec.columns, *(() if context is None else context.columns))
    quantiles = np.asarray(about["report"]["train_quantiles"], np.float64)
    fits = (
        default in takes,
        context is not None or not any("context" in names for names in takes.values()),
        all(isinstance(size, int) for size in spec.event_shape),
        all(isinstance(name, str) for name in columns),
        isinstance(spec.levels, int | None),
        quantiles.ndim == 1 and len(quantiles) > 1,
    )
    if not all(fits):
        raise TypeError
    return default, takes, spec


def answer(
    function: Callable[..., dict[str, tf.Tensor]],
    inputs: tuple[str, ...],
    block: Block,
    batch_size: int,
) -> Answers:
    """What a signature answers to every row of a block, the bad ones included.

    Args:
        function: The signature.
        inputs: What it takes.
        block: The rows. The noise of each follows from its number, as in `zoo.score`.
        batch_size: Rows in a call.

    Returns:
        `[rows, ...]` for each output.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(block), batch_size):
        stop = min(start + batch_size, len(block))
        given = {"x": block.x[start:stop]}
        if "context" in inputs and block.context is not None:
            given["context"] = block.context[start:stop]
        if "seed" in inputs:
            rows = tf.range(block.first - 1 + start, block.first - 1 + stop)
            given["seed"] = random.row_seeds(EVALUATION_SEED, rows)
        tensors = {name: tf.constant(values) for name, values in given.items()}
        for name, values in function(**tensors).items():
            parts.setdefault(name, []).append(values.numpy())
    return {name: np.concatenate(values) for name, values in parts.items()}
