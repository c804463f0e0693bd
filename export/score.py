"""Scores files of rows at scale: `python -m export.score --saved_model=... ...`.

It is an Apache Beam pipeline; any option of Beam's may be given too, such as

    --direct_num_workers=2 --direct_running_mode=multi_threading
    --runner=FlinkRunner --flink_master=...

All workers of such a runner need to see the files under the same paths. The scores
are one Parquet data set, as `pandas.read_parquet("scores")` reads it; what else is in
its directory has names that begin with an underscore.
"""

import difflib
import importlib.util
import logging
import sys
from collections.abc import Sequence

from absl import app, flags

from zoo import cli

_SAVED_MODEL = flags.DEFINE_string(
    "saved_model", None, "Directory of one exported version.", required=True
)
_INPUT = flags.DEFINE_list(
    "input",
    None,
    "The .csv, .parquet, .npy or .npz files: patterns such as data-*.parquet, "
    "separated by commas.",
    required=True,
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "The directory to write: a Parquet data set of scores, and _dead_letter.csv with "
    "the rows that have none. Give it again to go on.",
    required=True,
)
_SIGNATURE = flags.DEFINE_string(
    "signature", None, "What to ask the model; by default its main answer."
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 1000, "Rows that the model answers at a time.", lower_bound=1
)
_BLOCK_ROWS = flags.DEFINE_integer(
    "block_rows", 50_000, "Rows that are held and written at a time.", lower_bound=1
)


def main(beam_arguments: Sequence[str]) -> None:
    """Writes the scores of all rows as Parquet, and rows without one apart."""
    _refuse_misspelt(beam_arguments)
    if importlib.util.find_spec("apache_beam") is None:
        raise OSError(
            "Scoring at scale needs Apache Beam, which is not installed. Install it: "
            "pip install -e '.[beam]'."
        )
    _quieten_beam()
    cli.import_tensorflow()
    from export.scoring import score_files

    score_files(
        _SAVED_MODEL.value,
        _INPUT.value,
        _OUTPUT.value,
        signature=_SIGNATURE.value,
        batch_size=_BATCH_SIZE.value,
        block_rows=_BLOCK_ROWS.value,
        beam_arguments=beam_arguments,
    )


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments for flags of this process, and all others, which are for Beam.

    A value that stands alone goes with the option before it.
    """
    app.define_help_flags()
    ours: list[str] = []
    others: list[str] = []
    side = ours
    for argument in arguments:
        if argument.startswith("-"):
            name = argument.lstrip("-").partition("=")[0]
            known = name in flags.FLAGS or name.removeprefix("no") in flags.FLAGS
            side = ours if known else others
        side.append(argument)
    return ours, others


def _refuse_misspelt(beam_arguments: Sequence[str]) -> None:
    own = [flag.name for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])]
    for argument in beam_arguments:
        name = argument.lstrip("-").partition("=")[0]
        close = difflib.get_close_matches(name, own, n=1, cutoff=0.75)
        if argument.startswith("-") and close:
            raise ValueError(
                f"There is no option --{name}; did you mean --{close[0]}? See --help."
            )


def _quieten_beam() -> None:
    """Keeps off the terminal what Beam logs beside what this command says itself.

    That it has no BigQuery and cannot measure memory, for which it uses the root
    logger; errors of workers with their stacks, and options that it does not know:
    both come here as exceptions.
    """
    logging.getLogger().addFilter(lambda record: "apache_beam" not in record.pathname)
    for name in ("runners.common", "options.pipeline_options"):
        logging.getLogger(f"apache_beam.{name}").setLevel(logging.CRITICAL)


if __name__ == "__main__":
    sys.argv[1:], _OTHERS = _split(sys.argv[1:])
    cli.run(lambda: main(_OTHERS))
