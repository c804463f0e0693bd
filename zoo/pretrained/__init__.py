"""Trained models that come with the zoo: `zoo.load("vae", "mnist")`.

Each is a run in a folder of its own, `MODEL-DATASET`: the configuration with which it
was trained, the numbers it was reported with, the model and a few rows with its answers
to them. `SHA256SUMS` has the checksums, as `sha256sum` writes them.

This module imports nothing large, so that names can be listed at once; `runs` opens
what is behind them.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
SUMS = "SHA256SUMS"


def names() -> tuple[str, ...]:
    """The trained models that there are, `MODEL-DATASET`, in alphabetical order."""
    return tuple(sorted({path.partition("/")[0] for path in read_sums()}))


def read_sums() -> dict[str, str]:
    """SHA-256, in hex, by `NAME/FILE`."""
    path = FOLDER / SUMS
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {file: digest for digest, _, file in (s.partition("  ") for s in lines)}
