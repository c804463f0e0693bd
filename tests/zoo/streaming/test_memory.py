"""Peak memory of runs on data that stay on disk: the same for ten times the rows."""

import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

pytestmark = pytest.mark.slow

COLUMNS = 43
CHUNK = 100_000
PROGRAM = """
import resource, sys
from zoo import cli
cli.import_tensorflow()
from zoo.training import Options, train

train(Options(
    "made_gaussian", sys.argv[1], data={"data_dir": sys.argv[2], "stream": True},
    model_dir=sys.argv[3], settings={"hidden_units": "64"},
    fields={"epochs": 1, "batch_size": 1000},
))
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def _write(path, rows):
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(COLUMNS, COLUMNS)).astype(np.float32)
    schema = pa.schema([(f"c{i}", pa.float32()) for i in range(COLUMNS)])
    with parquet.ParquetWriter(path, schema) as writer:
        for _ in range(rows // CHUNK):
            x = rng.standard_normal((CHUNK, COLUMNS), dtype=np.float32) @ mix
            writer.write_table(pa.table(list(x.T.copy()), schema=schema))


def _peak(folder, millions):
    """Mebibytes at the most, from the file to the report."""
    path = folder / "rows.parquet"
    _write(path, millions * 1_000_000)
    places = [str(folder / f"{name}-{millions}") for name in ("kept", "run")]
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), *places],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    shutil.rmtree(places[0])
    path.unlink()
    print(f"{millions} million rows: {found.splitlines()[-1]} MiB")
    return int(found.split()[-1])


def test_ten_times_the_rows_take_a_tenth_more_memory_at_most(tmp_path):
    few, some, many = (_peak(tmp_path, millions) for millions in (1, 3, 10))
    assert max(some, many) < 1.1 * few
