"""What all pictures share: the style, the text that fits, the file on disk."""

import contextlib
import os
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path

# Okabe and Ito's colour-blind safe blue and vermillion: one meaning each, everywhere.
DATA = "#0072B2"
SAMPLES = "#D55E00"
INK = "#262626"
FAINT = "#737373"

DPI = 200
TEXT_WIDTH = 7.0  # inches, a full-width figure
TITLE_SIZE, LABEL_SIZE, NOTE_SIZE, TICK_SIZE = 9.0, 8.0, 7.0, 6.5

# DejaVu Sans comes with matplotlib; the others, where installed, draw what it lacks.
_EAST_ASIAN_FONTS = (
    "Noto Sans CJK JP",
    "IPAexGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Apple SD Gothic Neo",
)


def _style() -> dict[str, object]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    fallbacks = [name for name in _EAST_ASIAN_FONTS if name in installed]
    return {
        "font.family": ["DejaVu Sans", *fallbacks],
        "font.size": LABEL_SIZE,
        "text.color": INK,
        # Names of columns are shown as they are: a "$" in them starts no formula.
        "text.parse_math": False,
        "axes.labelcolor": INK,
        "axes.labelsize": LABEL_SIZE,
        "axes.edgecolor": "#8C8C8C",
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": LABEL_SIZE,
        "axes.titlepad": 4.0,
        "xtick.labelsize": TICK_SIZE,
        "ytick.labelsize": TICK_SIZE,
        "xtick.color": "#8C8C8C",
        "ytick.color": "#8C8C8C",
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.pad": 2.0,
        "ytick.major.pad": 2.0,
        "legend.frameon": False,
        "legend.fontsize": NOTE_SIZE,
        "legend.handletextpad": 0.5,
    }


@contextlib.contextmanager
def paper() -> Iterator[None]:
    """The style of all pictures, while inside; the caller's own is put back."""
    style = matplotlib.style.context(["default", _style()])
    with style, warnings.catch_warnings():
        # A character that no installed font has is drawn as a box; that is enough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def save(path: str | os.PathLike[str], figure: Figure) -> Path:
    """Writes `figure` as a PNG; readers see the old file or the new, never a part.

    Raises:
        ValueError: if `path` does not end in `.png`.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(
            f"Pictures are PNG files; received path={str(path)!r}. End it in '.png'."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(part, format="png", dpi="figure")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def text_width(text: str, size: float) -> float:
    """Width of one line of text, in inches."""
    font = font_manager.FontProperties(size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def shorten(text: str, size: float, room: float) -> str:
    """`text` with its middle left out where it is wider than `room` inches."""
    keep, short = len(text), text
    while keep > 2 and text_width(short, size) > room:
        keep -= 1
        short = text[: (keep + 1) // 2] + "…" + text[len(text) - keep // 2 :]
    return short


def corner_note(axes: Axes, text: str, *, line: int = 0, colour: str = FAINT) -> None:
    """A small note in the upper right corner of a panel."""
    axes.annotate(
        text,
        (1, 1),
        xytext=(-1.5, -1.5 - 1.25 * TICK_SIZE * line),
        xycoords="axes fraction",
        textcoords="offset points",
        size=TICK_SIZE,
        color=colour,
        ha="right",
        va="top",
    )


@dataclass(frozen=True)
class Heading:
    """A title and, smaller, what has to be known about the picture."""

    title: str
    notes: str

    @classmethod
    def of(cls, title: str | None, notes: Sequence[str], width: float) -> "Heading":
        """The heading, broken into lines of `width` inches."""
        return cls(
            _wrap(title or "", TITLE_SIZE, width),
            _wrap("; ".join(notes), NOTE_SIZE, width),
        )

    @property
    def height(self) -> float:
        """Inches from the top of the figure to where the picture may begin."""
        height = 0.06
        for text, size in ((self.title, TITLE_SIZE), (self.notes, NOTE_SIZE)):
            height += (text.count("\n") + 1) * 1.35 * size / 72 if text else 0.0
        return height

    def draw(self, figure: Figure) -> None:
        """Puts the heading at the top of `figure`, centred."""
        height = figure.get_figheight()
        top = height - 0.05
        for text, size, colour in (
            (self.title, TITLE_SIZE, INK),
            (self.notes, NOTE_SIZE, FAINT),
        ):
            if text:
                y = top / height
                figure.text(
                    0.5, y, text, size=size, color=colour, ha="center", va="top"
                )
                top -= (text.count("\n") + 1) * 1.35 * size / 72


def _wrap(text: str, size: float, width: float) -> str:
    lines = []
    for line in text.splitlines():
        wide = text_width(line, size)
        room = len(line) if wide <= width else int(0.95 * len(line) * width / wide)
        lines += textwrap.wrap(line, max(room, 4))
    return "\n".join(lines)
