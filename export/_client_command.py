"""The command line of `python -m export.client`."""

import time
from pathlib import Path

from absl import flags

from export import BATCH_SIZES
from export._inputs import written
from export._read_inputs import read_inputs, row_seeds
from export._transport import ServedModel
from export._write_answers import check_target, write_answers
from export.client import Client
from zoo import cli

_SERVER = flags.DEFINE_string("server", None, "The server, host:port.", required=True)
_MODEL = flags.DEFINE_string(
    "model", None, "What the server calls the model.", required=True
)
_API = flags.DEFINE_enum(
    "api", "rest", ["rest", "grpc"], "What to speak; servers have a port for each."
)
_VERSION = flags.DEFINE_integer(
    "version", None, "Version; by default the one that the server prefers.", 0
)
_SIGNATURE = flags.DEFINE_string(
    "signature", "serving_default", "What to ask for, such as log_prob."
)
_INPUT = flags.DEFINE_string(
    "input",
    None,
    "An .npz with arrays named as the inputs, or an .npy or a .csv with the one input "
    "that is neither context nor seed. Columns of a .csv go by position, whatever they "
    "are called, unless --columns names them.",
)
_COLUMNS = flags.DEFINE_list(
    "columns",
    [],
    "Columns of the .csv that are the data, in the order of the model: a,b. By default "
    "all that are neither context nor seed, in the order of the file.",
)
_CONTEXT = flags.DEFINE_list(
    "context", [], "Columns of the .csv that are the input context: a,b."
)
_NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", None, "Rows to draw, where seeds are the only input.", 0
)
_SEED = flags.DEFINE_integer("seed", 0, "Row i, from 0, gets the seed SEED + i.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", BATCH_SIZES[-1], "Most rows of a request.", 1
)
_TIMEOUT = flags.DEFINE_float("timeout", 30.0, "Seconds to wait for an answer.")
_RETRIES = flags.DEFINE_integer(
    "retries", 3, "How often a request that finds no server is made again.", 0
)
_OUTPUT = flags.DEFINE_string("output", None, "The .csv or .npz file to write.")


def main() -> None:
    """Says what a served model answers, or streams rows through it."""
    source, samples, target = _INPUT.value, _NUM_SAMPLES.value, _OUTPUT.value
    if source is not None and samples is not None:
        raise ValueError(
            "Rows come from --input or from --num_samples; received both. Leave one "
            "out."
        )
    if (source is None and samples is None) != (target is None):
        raise ValueError(
            "--output goes with --input or --num_samples; received one alone. Give "
            "both, or neither to see what the model answers."
        )
    for flag in (_COLUMNS, _CONTEXT):
        if source is None and flag.value:
            raise ValueError(
                f"--{flag.name} names columns of --input; received it without. Leave "
                "it out."
            )
    if target is not None:
        _check_output(source, target)
    if _API.value == "grpc":
        cli.import_tensorflow()
    client = Client(
        _SERVER.value,
        _MODEL.value,
        version=_VERSION.value,
        api=_API.value,
        timeout=_TIMEOUT.value,
        retries=_RETRIES.value,
    )
    with client:
        if target is None:
            print(_described(client.metadata()))
        else:
            _answer(client, _SIGNATURE.value, source, samples, target)


def _check_output(source: str | None, target: str) -> None:
    check_target(target)
    if source is not None and Path(target).exists() and Path(source).exists():
        if Path(target).samefile(source):
            raise ValueError(
                "Answers go into a file of their own; received the same file as "
                f"--input and as --output, {target}. Give another --output."
            )


def _answer(
    client: Client, signature: str, source: str | None, samples: int | None, target: str
) -> None:
    begin = time.monotonic()
    served = client.metadata()
    inputs = served.signature(signature)["inputs"]
    if source is not None:
        chunks = read_inputs(
            source,
            inputs,
            columns=_COLUMNS.value,
            context=_CONTEXT.value,
            seed=_SEED.value,
            batch_size=_BATCH_SIZE.value,
        )
    elif set(inputs) == {"seed"}:
        chunks = iter([{"seed": row_seeds(_SEED.value, samples or 0)}])
    else:
        raise ValueError(
            "--num_samples is for signatures whose only input is seed; the inputs of "
            f"{signature} are {', '.join(inputs)}. Give a file of them as --input."
        )
    answers = client.stream(chunks, signature, batch_size=_BATCH_SIZE.value)
    rows = write_answers(answers, target)
    print(
        f"{rows:,} rows of {signature} by {served.name}, version {served.version}, in "
        f"{time.monotonic() - begin:.1f} s, written to {target}"
    )


def _described(served: ServedModel) -> str:
    lines = [f"{served.name}, version {served.version}, answers"]
    for name, info in served.signatures.items():
        sides = (
            ", ".join(
                f"{tensor} {written(about['shape'])} {about['dtype']}"
                for tensor, about in side.items()
            )
            for side in (info["inputs"], info["outputs"])
        )
        lines.append(f"  {name:16} {' -> '.join(sides)}")
    return "\n".join(lines)
