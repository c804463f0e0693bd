"""Data that are larger than memory: they stay on disk, and are read a part at a time.

Every source is first brought into one form, once: `loading` reads it block by block,
checks each row, puts all rows in random order and writes them as `.npy` files, beside
each other and in bounded memory. Training and evaluation read these, by `batches`.
"""

from pathlib import Path


def is_wanted(name: str, *, stream: bool | None) -> bool:
    """Whether data stay on disk: where that is asked for, and where they must.

    Args:
        name: What `--dataset` says.
        stream: What `--stream` says; None for nothing.

    Raises:
        ValueError: If data must stay on disk and are not to.
    """
    must = (
        name.endswith("/")
        or any(mark in name for mark in "*?")
        or ".tfrecord" in Path(name).name
    )
    if must and stream is False:
        raise ValueError(
            "Shards and TFRecord files are read from disk; received --nostream with "
            f"--dataset={name}; leave it out, or give one .csv, .parquet or .npy file."
        )
    return must or bool(stream)
