"""What scoring at scale takes, and whether a run that is killed loses or doubles rows.

    python benchmarks/scoring.py scratch
    python benchmarks/scoring.py scratch --saved_model=serving/maf-table/1 --rows=100000

Writes Parquet files of normal noise with five bad rows each, and has them scored by
`python -m export.score` in processes of their own: a tenth of the rows, all of them,
and all of them again, where the process is killed half-way and the command given anew.
By default the model is a Gaussian. It needs Apache Beam, and an empty or new directory.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from zoo import cli
from zoo.data import DataSet, DataSpec, Split

BAD_ROWS = 5
GROUP_ROWS = 100_000
# `ru_maxrss` counts in bytes on macOS alone.
RSS_UNIT = 1 if sys.platform == "darwin" else 2**10


def columns_of(saved_model: Path) -> tuple[str, ...]:
    """The columns that a model takes."""
    cli.import_tensorflow()
    from export.blocks import RowSignature

    return RowSignature.find(str(saved_model)).spec.columns


def write_gaussian(path: Path, columns: int) -> None:
    """Writes a standardised Gaussian as an exported version."""
    cli.import_tensorflow()
    import tensorflow as tf

    import tfgen
    from export.saved_model import write_saved_model
    from tfgen.distributions import Flow, StandardNormal
    from tfgen.flows import Standardize
    from zoo.evaluation import report_on

    names = tuple(f"c{i}" for i in range(columns))
    x = np.random.default_rng(0).standard_normal([10_000, columns], dtype="float32")
    spec = DataSpec("noise", (columns,), "float32", columns=names, num_train=len(x))
    density = Flow(StandardNormal([columns]), [Standardize([columns])])
    model = tfgen.DensityModel(density)
    model.adapt(x)
    signatures = model.signatures({"x": tf.TensorSpec([None, columns])})
    write_saved_model(path, model, signatures)
    about = {
        "name": "gaussian",
        "dataset": {"name": spec.name, "spec": spec.to_json()},
        "report": report_on(model, DataSet(spec, Split(x), Split(x), Split(x))),
        "signatures": {
            s.name: {"inputs": dict.fromkeys(s.inputs, {})} for s in signatures
        },
        "default_signature": signatures[0].name,
    }
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / "model.json").write_text(json.dumps(about))


def write_rows(path: Path, rows: int, names: tuple[str, ...]) -> list[int]:
    """Writes noise, a row group at a time; returns the numbers of the bad rows."""
    rng = np.random.default_rng(0)
    bad = np.sort(rng.choice(rows, BAD_ROWS, replace=False))
    schema = pyarrow.schema([(name, pyarrow.float32()) for name in names])
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP_ROWS):
            size = min(GROUP_ROWS, rows - start)
            x = rng.standard_normal([size, len(names)], dtype="float32")
            here = bad[(bad >= start) & (bad < start + size)] - start
            x[here, rng.integers(len(names), size=len(here))] = np.nan
            columns = dict(zip(names, x.T, strict=True))
            writer.write_table(pyarrow.table(columns, schema=schema))
    return [int(row) + 1 for row in bad]


def run(
    name: str, command: list[str], is_time_to_kill: Callable[[], bool] | None = None
) -> None:
    """Runs a command to its end, or to a kill; prints what it took."""
    start = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while is_time_to_kill and not is_time_to_kill() and not _has_ended(process):
            time.sleep(0.005)
        if is_time_to_kill:
            process.send_signal(signal.SIGKILL)
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    expected = -signal.SIGKILL if is_time_to_kill else 0
    if process.returncode != expected:
        sys.exit(f"{name} ended with {process.returncode}, not {expected}: {said}")
    rate = re.search(r"([\d,]+) rows/s", said)
    print(
        f"{name:34} {time.monotonic() - start:9.1f} {rate[1] if rate else '-':>10} "
        f"{usage.ru_maxrss * RSS_UNIT / 2**20:9.0f}",
        flush=True,
    )


def _has_ended(process: subprocess.Popen[str]) -> bool:
    """Whether a process has ended; it is still to be waited for."""
    return (
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        is not None
    )


def check(output: Path, rows: int, bad: list[int]) -> pd.DataFrame:
    """Ends the program unless every row is there once, with a score or a reason."""
    letters = pd.read_csv(output / "_dead_letter.csv")
    scores = pd.read_parquet(output).sort_values("row", ignore_index=True)
    good = np.setdiff1d(np.arange(1, rows + 1), bad)
    if letters["row"].tolist() != bad:
        sys.exit(f"{output}: the dead letters are not the rows {bad}.")
    if not np.array_equal(scores["row"], good):
        sys.exit(f"{output}: {len(scores):,} rows, not {len(good):,}, each once.")
    print(f"{output}: {len(good):,} rows once each, {len(bad)} dead letters, {bad}")
    return scores


def main() -> None:
    """Makes the files, scores them and checks the scores."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where to write; about 1 GB")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=43, help="of the Gaussian")
    parser.add_argument("--block_rows", type=int, default=50_000)
    parser.add_argument("--saved_model", type=Path, help="a model of a table")
    options = parser.parse_args()
    directory: Path = options.directory
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        sys.exit(f"{directory} is not empty; give another.")
    saved_model = options.saved_model or directory / "gaussian" / "1"
    # The peak of a process can count what the one that started it had: TensorFlow stays
    # out of this one.
    apart = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, apart) as process:
        if options.saved_model is None:
            process.submit(write_gaussian, saved_model, options.columns).result()
        names = process.submit(columns_of, saved_model).result()

    def command(source: str, output: str) -> list[str]:
        return [
            *(sys.executable, "-m", "export.score"),
            f"--saved_model={saved_model}",
            f"--input={directory / source}",
            f"--output={directory / output}",
            f"--block_rows={options.block_rows}",
        ]

    rows = options.rows
    few_bad = write_rows(directory / "few.parquet", rows // 10, names)
    bad = write_rows(directory / "all.parquet", rows, names)
    sizes = [(directory / f"{name}.parquet").stat().st_size for name in ("few", "all")]
    print(
        f"{len(names)} columns; {sizes[0] / 2**20:.0f} and {sizes[1] / 2**20:.0f} MiB"
    )
    print(f"{'':34} {'seconds':>9} {'rows/s':>10} {'peak MiB':>9}")
    run("imports alone", [sys.executable, "-c", "import export.scoring"])
    run(f"{rows // 10:,} rows", command("few.parquet", "few"))
    run(f"{rows:,} rows", command("all.parquet", "all"))
    half = -(-rows // options.block_rows) // 2

    def is_half() -> bool:
        return len(list((directory / "killed").glob("*.parquet"))) >= half

    run(f"{rows:,} rows, killed", command("all.parquet", "killed"), is_half)
    shards = len(list((directory / "killed").glob("*.parquet")))
    run(f"gone on with after {shards} shards", command("all.parquet", "killed"))
    check(directory / "few", rows // 10, few_bad)
    scores = check(directory / "all", rows, bad)
    if not scores.equals(check(directory / "killed", rows, bad)):
        sys.exit("The scores of the run that was killed differ.")
    print("the run that was killed has the scores of the other, bit by bit")


if __name__ == "__main__":
    main()
