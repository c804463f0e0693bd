"""The directory that batch scoring writes: a shard a block, and who may write there."""

import contextlib
import csv
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import pyarrow
from pyarrow import parquet

from zoo.model_dir import Json, Replacing, differences
from zoo.tables import split_array

# Readers of Parquet data sets pass over names that begin with `_` or `.`.
_RUN = "_run.json"
_SUMMARY = "_summary.json"
DEAD_LETTERS = "_dead_letter.csv"
_TEMPORARY = (".tmp-*", "_dead_letter-*.csv")
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class ScoresDir:
    """Scores of files: a Parquet shard for each block of rows, written whole or not.

        _run.json           what is scored, by which model
        scores-F-B.parquet  block B of file F, both from 0: its rows with their scores
        _dead_letter.csv    file, row and reason of all rows without a score
        _summary.json       how many; written last, so that a run that has it is done

    The shards are one Parquet data set: `pandas.read_parquet(path)` reads them all.
    Until the end the dead letters of a block are in a file beside its shard, which is
    written first: a block whose shard is there is done.

    Args:
        path: The directory; it may not exist yet.
    """

    path: Path

    @contextlib.contextmanager
    def opened(self, run: Mapping[str, object]) -> Iterator[str]:
        """As `enter`; an error before the first shard takes back what was made."""
        made = [path for path in (self.path, *self.path.parents) if not path.exists()]
        state = self.enter(run)
        try:
            yield state
        except BaseException:
            if self.is_empty and state != "finished":
                self.tidy()
                (self.path / _RUN).unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # Where others write as well.
                    for path in made:
                        path.rmdir()
            raise

    def enter(self, run: Mapping[str, object]) -> str:
        """Makes the directory ready for a run.

        Args:
            run: What the run is.

        Returns:
            `new`, `unfinished` (an earlier run stopped; it is gone on with) or
            `finished`.

        Raises:
            ValueError: If the directory holds another run, or something else.
            OSError: If it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in self.path.iterdir()}
            if _RUN not in names:
                self._refuse_others(names)
                self._write_json(_RUN, run)
                return "new"
        except OSError as error:
            raise OSError(
                f"A directory for scores must be writable; received {self.path} "
                f"({error.strerror}). Give another --output."
            ) from None
        found = differences(self._read_json(_RUN), run)
        if found:
            more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise ValueError(
                f"{self.path} holds the scores of another run; it differs in "
                f"{'; '.join(found[:_SHOWN])}{more}. Give another --output."
            )
        return "finished" if _SUMMARY in names else "unfinished"

    def _refuse_others(self, names: set[str]) -> None:
        # A run that was killed early may leave a half-written description.
        others = sorted(name for name in names if not name.startswith(".tmp-"))
        if others:
            raise ValueError(
                "Scores go into a directory that is empty, new or an earlier run's; "
                f"received {self.path}, which holds {others[0]}. Give another --output."
            )

    def has(self, file: int, block: int) -> bool:
        """Whether a block is done."""
        return self._shard(file, block).is_file()

    @property
    def is_empty(self) -> bool:
        """Whether no block is done."""
        return not self._shards()

    def write(
        self, file: int, block: int, scores: pyarrow.Table, reasons: Mapping[int, str]
    ) -> None:
        """Writes a block; the same block twice gives the same files.

        Args:
            file: The number of the input file, from 0.
            block: The number of the block in it, from 0.
            scores: The rows that have a score.
            reasons: For the others the reason, by the number of the row.
        """
        shard = self._shard(file, block)
        if reasons:
            with Replacing(_dead_letters(shard)) as path:
                with path.open("w", newline="", encoding="utf-8") as text:
                    csv.writer(text).writerows(reasons.items())
        with Replacing(shard) as path:
            parquet.write_table(scores, path)

    def count_rows(self) -> int:
        """How many rows have a score so far; reads the shards' footers alone."""
        return sum(parquet.read_metadata(shard).num_rows for shard in self._shards())

    def finish(self, inputs: Sequence[str]) -> Json:
        """Merges the dead letters, counts, and tidies up.

        Args:
            inputs: The input files, in the order of their numbers.

        Returns:
            The summary: `rows` with a score, `bad_rows` without, `shards`.
        """
        shards = self._shards()
        bad_rows = 0
        with Replacing(self.path / DEAD_LETTERS) as path:
            with path.open("w", newline="", encoding="utf-8") as text:
                writer = csv.writer(text)
                writer.writerow(["file", "row", "reason"])
                for shard in shards:
                    letters = _dead_letters(shard)
                    if letters.is_file():
                        source = inputs[int(shard.stem.split("-")[1])]
                        with letters.open(newline="", encoding="utf-8") as part:
                            for row in csv.reader(part):
                                writer.writerow([source, *row])
                                bad_rows += 1
        rows = self.count_rows()
        summary = {"rows": rows, "bad_rows": bad_rows, "shards": len(shards)}
        self._write_json(_SUMMARY, summary)
        self.tidy()
        return summary

    def tidy(self) -> None:
        """Removes what a finished run does not need."""
        for pattern in _TEMPORARY:
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)

    @property
    def summary(self) -> Json:
        """What `finish` returned."""
        return self._read_json(_SUMMARY)

    def _shard(self, file: int, block: int) -> Path:
        return self.path / f"scores-{file:06d}-{block:06d}.parquet"

    def _shards(self) -> list[Path]:
        return sorted(self.path.glob("scores-*-*.parquet"))

    def _read_json(self, name: str) -> Json:
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError(f"it is a {type(content).__name__}")
            return content
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{self.path / name} is not valid JSON ({error}). Give another "
                "--output, or remove the directory."
            ) from None

    def _write_json(self, name: str, content: Mapping[str, object]) -> None:
        with Replacing(self.path / name) as path:
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _dead_letters(shard: Path) -> Path:
    """Where the dead letters of a block are until the end."""
    return shard.with_name(f"_dead_letter{shard.stem.removeprefix('scores')}.csv")


def describe_run(
    saved_model: str, signature: str, inputs: Sequence[str], block_rows: int
) -> Json:
    """What a run is: two with the same description write the same files.

    Args:
        saved_model: Directory of the exported version.
        signature: What it is asked.
        inputs: The input files.
        block_rows: Rows of a shard.
    """
    return {
        "saved_model": _fingerprint(Path(saved_model)),
        "signature": signature,
        "block_rows": block_rows,
        "inputs": {path: _state(path) for path in inputs},
    }


def _fingerprint(directory: Path) -> str:
    """SHA-256, in hex, over all files and their names."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            size = path.stat().st_size
            digest.update(f"{path.relative_to(directory).as_posix()} {size};".encode())
            with path.open("rb") as file:
                while part := file.read(2**20):
                    digest.update(part)
    return digest.hexdigest()


def _state(path: str) -> Json:
    """Size and time of change, which tell that a file is no longer what it was."""
    file, _ = split_array(path)
    status = os.stat(file)
    changed = datetime.fromtimestamp(status.st_mtime_ns / 1e9, timezone.utc)
    return {"bytes": status.st_size, "modified": changed.isoformat()}
