"""Scores files with an exported model as an Apache Beam pipeline.

A block of neighbouring rows is the element that flows: it is read, answered by the
model and written before the next, so that what is held does not grow with the input.
What the workers of a runner share out are the places where files can be entered: the
row groups of a .parquet, any block of an .npy, and the beginnings of .csv and .npz.
"""

import contextlib
import dataclasses
import io
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from export.blocks import Answers, Block, RowSignature, read_blocks
from export.scores_dir import DEAD_LETTERS, ScoresDir, describe_run
from zoo import tables
from zoo.model_dir import Json

# A block with the number of its file, then also with the answers to it.
Example: TypeAlias = tuple[int, Block]
Answered: TypeAlias = tuple[int, Block, Answers]
# Answers a block, so many rows at a time.
Model: TypeAlias = Callable[[Block, int], Answers]

# Behind a reason Beam names the step of the pipeline.
_STEP = " [while running"
_IN_PROCESS = ("direct", "directrunner", "fnapirunner")


@dataclasses.dataclass(frozen=True)
class Span:
    """Blocks of a file that are read one after the other.

    Args:
        file: The number of the file.
        path: The file.
        start: The first block.
        stop: The block to stop before; None for the end of the file.
    """

    file: int
    path: str
    start: int
    stop: int | None


@dataclasses.dataclass(frozen=True)
class Job:
    """What every worker needs to know.

    Args:
        signature: What answers the rows.
        scores: Where the answers go.
        block_rows: Rows of a block.
    """

    signature: RowSignature
    scores: ScoresDir
    block_rows: int

    def read(self, span: Span) -> Iterator[Example]:
        """The blocks of a span that are not done, each with the number of its file."""
        start = span.start
        while start != span.stop and self.scores.has(span.file, start):
            start += 1
        # No `return` for an empty span: Beam warns of one beside a `yield`.
        blocks = read_blocks(
            span.path, self.signature.spec, self.block_rows, start, span.stop
        )
        for block in blocks if start != span.stop else ():
            if not self.scores.has(span.file, self._number(block)):
                yield span.file, block

    def write(self, file: int, block: Block, answers: Answers) -> None:
        """Writes the scores of a block, and the reasons of rows without one."""
        table, reasons = self.signature.table(block, answers)
        self.scores.write(file, self._number(block), table, reasons)

    def _number(self, block: Block) -> int:
        return (block.first - 1) // self.block_rows


class SignatureHandler(ModelHandler[Example, Answered, Model]):
    """Lets RunInference ask a signature of a SavedModel.

    Args:
        signature: The signature.
        batch_size: Rows in a call.
    """

    def __init__(self, signature: RowSignature, batch_size: int) -> None:
        super().__init__()
        self._signature = signature
        self._batch_size = batch_size

    def load_model(self) -> Model:
        return self._signature.load()

    def run_inference(
        self,
        batch: Sequence[Example],
        model: Model,
        inference_args: object = None,
    ) -> Iterator[Answered]:
        for file, block in batch:
            yield file, block, model(block, self._batch_size)

    def batch_elements_kwargs(self) -> dict[str, int]:
        # A block is a batch already; more of them at a time would only be held longer.
        return {"min_batch_size": 1, "max_batch_size": 1}

    def get_num_bytes(self, batch: Sequence[Example]) -> int:
        return sum(block.x.nbytes for _, block in batch)


def score_files(
    saved_model: str,
    patterns: Sequence[str],
    output: str,
    *,
    signature: str | None = None,
    batch_size: int = 1000,
    block_rows: int = 50_000,
    beam_arguments: Sequence[str] = (),
) -> None:
    """Scores all rows of files; a run that was stopped goes on where it was.

    Writes Parquet shards with the columns `file`, `row` (from 1), the signature's
    outputs and for the main answer `percentile`, per cent of the training rows that
    score lower. Rows without a score are in `_dead_letter.csv`, with the reason.

    Args:
        saved_model: Directory of one exported version.
        patterns: The files; each pattern stands for at least one.
        output: The directory to write.
        signature: What to ask the model; by default its main answer.
        batch_size: Rows that the model answers at a time.
        block_rows: Rows of a shard.
        beam_arguments: Options of Beam and its runner, as on a command line.

    Raises:
        FileNotFoundError: If there is no model, or no file for a pattern.
        OSError: If the output cannot be written.
        ValueError: If something does not fit: the signature, a file, an option, or
            the scores of another run in the output directory.
    """
    chosen = RowSignature.find(saved_model, signature)
    pipeline = _pipeline(beam_arguments)
    inputs = _find(patterns)
    for path in inputs:
        # Refuses what cannot fit.
        next(tables.iterate_rows(path, chosen.spec, batch_size=1))
    scores = ScoresDir(Path(output))
    run = describe_run(saved_model, chosen.name, inputs, block_rows)
    with scores.opened(run) as state:
        if state == "finished":
            scores.tidy()
            print(
                f"{output} has the scores of this run already, complete; nothing to do"
            )
            _tell(scores.summary, output)
            return
        before = scores.count_rows()
        if state == "unfinished":
            found = _count(before, "score")
            print(f"{output} has {found} of this run already; going on")
        start = time.monotonic()
        job = Job(chosen, scores, block_rows)
        _run(pipeline, job, _spans(inputs, job), batch_size)
        summary = scores.finish(inputs)
    seconds = time.monotonic() - start
    _tell(summary, output)
    speed = (summary["rows"] - before) / seconds
    print(f"{seconds:.1f} s, {speed:,.0f} rows/s")


def _find(patterns: Sequence[str]) -> list[str]:
    """The files, each once and in an order that does not depend on the patterns'."""
    found: set[str] = set()
    for pattern in patterns:
        files = tables.expand(pattern)
        if not files:
            raise FileNotFoundError(
                "An input is a file, or a pattern of files that exist; received "
                f"--input={pattern}, which matches none; check the path."
            )
        found.update(files)
    return sorted(found)


def _spans(inputs: Sequence[str], job: Job) -> Iterator[Span]:
    """What is left to do, in parts for workers."""
    for file, path in enumerate(inputs):
        starts, count = tables.blocks(path, job.block_rows)
        for start, stop in zip(starts, [*starts[1:], count], strict=True):
            numbers = range(start, start if stop is None else stop)
            if stop is None or not all(job.scores.has(file, n) for n in numbers):
                yield Span(file, path, start, stop)


def _run(
    pipeline: beam.Pipeline, job: Job, spans: Iterator[Span], batch_size: int
) -> None:
    """Runs the pipeline to its end.

    Raises:
        ValueError: If a file turns out not to fit, the output cannot be written, or
            the runner fails.
    """
    try:
        with pipeline:
            _ = (
                pipeline
                | "Spans" >> beam.Create(list(spans))
                | "Share out" >> beam.Reshuffle()
                | "Read" >> beam.FlatMap(job.read)
                | "Score" >> RunInference(SignatureHandler(job.signature, batch_size))
                | "Write" >> beam.MapTuple(job.write)
            )
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Within a step.
            raise KeyboardInterrupt from None
        if not isinstance(pipeline.runner, FnApiRunner):
            reason = _said(type(pipeline.runner).__name__, error)
        elif isinstance(error, (ValueError, OSError)):
            reason = _without_step(str(error)) + "."
        else:
            raise
        kept = "" if job.scores.is_empty else " What was scored so far is kept."
        raise ValueError(reason + kept) from error


def _said(runner: str, error: Exception) -> str:
    """What a runner outside this process said, in a sentence, and what to do."""
    said = str(error) or type(error).__name__
    # Of the stacks of several programs the line that names the reason.
    said = next((line for line in said.splitlines() if _STEP in line), said)
    reason = textwrap.shorten(_without_step(said), 1000, placeholder=" ...")
    return (
        f"{runner} did not run the pipeline: {reason}. Mend that, or leave out "
        "--runner, so that rows are scored in this process."
    )


def _without_step(text: str) -> str:
    return text.partition(_STEP)[0].rstrip(". \n")


def _pipeline(arguments: Sequence[str]) -> beam.Pipeline:
    """An empty pipeline with the runner and its options; by default in this process.

    Raises:
        ValueError: If Beam or the runner refuses the arguments.
    """
    options = PipelineOptions(list(arguments))
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            runner = options.view_as(StandardOptions).runner or "direct"
            known = options.get_all_options()
            given = options.get_all_options(retain_unknown_options=True)
    except SystemExit:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise ValueError(f"Apache Beam refuses its options: {reason}.") from None
    if runner.lower() not in _IN_PROCESS:
        try:
            return beam.Pipeline(runner, options)  # It may know options of its own.
        except Exception as error:
            raise ValueError(_said(runner, error)) from error
    for name in given.keys() - known.keys():
        raise ValueError(
            f"There is no option --{name}, neither here nor of Apache Beam. See --help."
        )
    # By its name Beam may choose a runner instead that it would have to download.
    return beam.Pipeline(FnApiRunner(), options)


def _tell(summary: Json, output: str) -> None:
    rows, bad_rows = _count(summary["rows"], "row"), summary["bad_rows"]
    print(f"{rows} scored; {_count(summary['shards'], 'shard')} in {output}")
    if bad_rows:
        without = f"{_count(bad_rows, 'row')} without a score"
        print(f"{without}: {output}/{DEAD_LETTERS}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
