"""Reading files in blocks, from anywhere within them, without holding them."""

import tracemalloc

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from export.blocks import read_blocks
from zoo import tables
from zoo.data import ContextSpec, DataSpec

SUFFIXES = (".csv", ".parquet", ".npy", ".npz")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [4, 7, 10, 100])
def test_blocks_are_the_rows_of_the_file(boxes, tmp_path, suffix, size, monkeypatch):
    monkeypatch.setattr("export.blocks._READ_ROWS", 3)
    x = boxes.rows(33)
    path = boxes.write(tmp_path / f"in{suffix}", x)
    spec = boxes.spec
    blocks = list(read_blocks(path, spec, size))
    assert [block.first for block in blocks] == list(range(1, 34, size))
    assert {len(block) for block in blocks[:-1]} <= {size}
    np.testing.assert_array_equal(np.concatenate([block.x for block in blocks]), x)
    for start, stop in ((0, 1), (1, 2), (2, 4), (3, None)):
        some = list(read_blocks(path, spec, size, start, stop))
        expected = blocks[start:stop]
        assert [block.first for block in some] == [block.first for block in expected]
        for block, other in zip(some, expected, strict=True):
            np.testing.assert_array_equal(block.x, other.x)


def test_bad_rows_and_contexts_come_with_their_block(boxes, tmp_path):
    frame = pd.DataFrame(boxes.rows(9), columns=boxes.columns).astype(object)
    frame["kind"] = np.arange(9) % 2
    frame.loc[2, "width"], frame.loc[7, "kind"] = "wide", 5
    frame.to_csv(tmp_path / "in.csv", index=False)
    context = ContextSpec((), "int32", num_classes=2, columns=("kind",))
    spec = DataSpec("boxes", (3,), "float32", columns=boxes.columns, context=context)
    blocks = list(read_blocks(str(tmp_path / "in.csv"), spec, 4))
    assert [block.context.tolist() for block in blocks] == [
        [0, 1, 0, 1],
        [0, 1, 0, 0],
        [0],
    ]
    assert [[row for row, _ in block.bad] for block in blocks] == [[3], [8], []]


def test_files_are_entered_where_that_is_cheap(boxes, tmp_path):
    x = boxes.rows(33)  # Row groups begin with the rows 0, 7, 14, 21, 28.
    path = {suffix: boxes.write(tmp_path / f"in{suffix}", x) for suffix in SUFFIXES}
    assert tables.blocks(path[".parquet"], 10) == ([0, 1, 2, 3], 4)
    assert tables.blocks(path[".parquet"], 3) == ([0, 3, 5, 7, 10], 11)
    assert tables.blocks(path[".parquet"], 50) == ([0], 1)
    assert tables.blocks(path[".npy"], 10) == ([0, 1, 2, 3], 4)
    for suffix in (".csv", ".npz"):
        assert tables.blocks(path[suffix], 10) == ([0], None)


def test_row_groups_before_a_block_are_not_read(boxes, tmp_path):
    path = tmp_path / "in.parquet"
    boxes.write(path, boxes.rows(33))
    content = bytearray(path.read_bytes())
    chunk = parquet.ParquetFile(path).metadata.row_group(0).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = bytes(
        chunk.total_compressed_size
    )
    path.write_bytes(content)
    spec = boxes.spec
    rest = list(read_blocks(str(path), spec, 7, start=1))
    np.testing.assert_array_equal(
        np.concatenate([b.x for b in rest]), boxes.rows(33)[7:]
    )
    with pytest.raises(ValueError, match="must be readable"):
        list(read_blocks(str(path), spec, 7))


def test_patterns_may_name_an_array(boxes, tmp_path):
    for name in ("b.npz", "a.npz", "c.npy"):
        boxes.write(tmp_path / name, boxes.rows(3))
    found = [f"{tmp_path}/{name}.npz:x" for name in "ab"]
    assert tables.expand(f"{tmp_path}/*.npz:x") == found
    assert tables.expand(f"{tmp_path}/*.csv") == []


def test_a_row_group_is_not_held_as_a_whole(tmp_path):
    path = tmp_path / "in.parquet"
    x = np.random.default_rng(0).standard_normal([100_000, 8])
    table = pyarrow.table({f"{i}": column for i, column in enumerate(x.T)})
    parquet.write_table(table, path, row_group_size=len(x), use_dictionary=False)
    size = path.stat().st_size
    assert size > 6_000_000
    del table
    before, peak, rows = pyarrow.total_allocated_bytes(), 0, 0
    for part in tables.iterate(str(path), (), 1000):
        peak = max(peak, pyarrow.total_allocated_bytes() - before)
        rows += len(part)
    assert rows == len(x)
    assert peak < size / 2


def test_an_array_is_not_held_as_a_whole(tmp_path):
    path = tmp_path / "in.npy"
    np.save(path, np.ones([100_000, 8]))
    tracemalloc.start()
    rows = sum(len(part) for part in tables.iterate(str(path), (), 1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 100_000
    assert peak < path.stat().st_size / 2


def test_a_csv_is_read_as_it_is_asked_for(boxes, tmp_path):
    """A line that cannot be read at the end does not keep back the first rows."""
    path = tmp_path / "in.csv"
    boxes.write(path, boxes.rows(200_000))
    with path.open("a") as file:
        file.write("1,2,3,text,5\n")
    blocks = read_blocks(str(path), boxes.spec, 1000)
    np.testing.assert_array_equal(next(blocks).x, boxes.rows(200_000)[:1000])
    with pytest.raises(ValueError, match="200002, saw 5"):
        list(blocks)
