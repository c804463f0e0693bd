"""What a page shows, as HTML: examples, names, and the matrix of similarities."""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from zoo.data import DataSpec
from zoo.offers import shades
from zoo.pictures.images import to_tiles
from zoo.pictures.paper import DATA, SAMPLES

_MOST_COLUMNS = 24

# One pixel of data is many on the screen, and each has sharp edges.
CSS = """
.gradio-container { max-width: 1120px !important; width: 100% !important;
  margin: auto !important; }
.gradio-container .html-container { padding: 0 !important; }
.example img { width: 100%; image-rendering: pixelated; display: block;
  border: 1px solid var(--border-color-primary); border-radius: 4px; }
.small .example { width: 96px; }
.said { min-height: 1.5rem; }
.said .wrong { color: #b91c1c; }
.dark .said .wrong { color: #fca5a5; }
.example table, .similarity table { border-collapse: collapse; margin: 0;
  font-variant-numeric: tabular-nums; font-size: 0.8rem; }
.example table { width: 100%; }
.example tr, .example td, .similarity tr, .similarity th, .similarity td,
.similarity table, .example table { border: none !important; }
.example td { padding: 2px 8px; white-space: nowrap; }
.example td:nth-child(2) { text-align: right; }
.example td:nth-child(3) { width: 60%; }
.track { background: var(--border-color-primary); height: 8px; }
.bar { background: DATA; height: 8px; }
.similarity { overflow-x: auto; }
.similarity th { font-weight: normal; padding: 0 8px; text-align: right;
  white-space: nowrap; }
.similarity thead th { writing-mode: vertical-rl; transform: rotate(180deg);
  padding: 8px 0; text-align: left; }
.similarity td { height: 2rem; min-width: 2.7rem; padding: 0; text-align: center; }
""".replace("DATA", DATA)


def example(x: np.ndarray, data_range: np.ndarray, spec: DataSpec) -> str:
    """An example in its own units: an image, or a table with bars.

    Args:
        x: `[*event_shape]`, of integers or means.
        data_range: The least and largest value of each number, `[2, *event_shape]`.
        spec: What the data are.
    """
    if not spec.is_image:
        return f'<div class="example">{_bars(x, data_range, spec)}</div>'
    tile = to_tiles(shades(x[np.newaxis], spec), None)[0][0]
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "PNG")
    source = base64.b64encode(file.getvalue()).decode()
    return (
        f'<div class="example"><img alt="" src="data:image/png;base64,{source}"></div>'
    )


def said(text: str, *, wrong: bool = False) -> str:
    """A line of text under the picture."""
    kind = ' class="wrong" role="alert"' if wrong else ""
    return f'<div class="said"><span{kind}>{html.escape(text)}</span></div>'


def similarity(names: Sequence[str], cosines: np.ndarray) -> str:
    """The matrix of cosines `[names, names]`, blue above 0 and red below."""
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(map(_cell, row))}</tr>"
        for name, row in zip(names, cosines, strict=True)
    )
    return (
        '<div class="similarity"><table><thead><tr><th></th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(cosine: float) -> str:
    share = round(100 * abs(cosine))
    colour = f"color-mix(in srgb, {DATA if cosine > 0 else SAMPLES} {share}%, white)"
    ink = "white" if share > 60 else "black"
    shown = f"{cosine:.2f}".replace("-0.00", "0.00")
    return f'<td style="background: {colour}; color: {ink}">{shown}</td>'


def _bars(x: np.ndarray, data_range: np.ndarray, spec: DataSpec) -> str:
    """A row for each number: its name, its value, and where it is among the data's."""
    names = spec.columns or [f"x{i + 1}" for i in range(spec.num_features)]
    low, high = data_range.reshape(2, -1).astype(np.float64)
    places = (x.reshape(-1) - low) / np.maximum(high - low, np.finfo(np.float64).tiny)
    places = 100 * np.clip(np.nan_to_num(places), 0, 1)
    rows = [
        f"<tr><td>{html.escape(name)}</td><td>{value:.4g}</td>"
        f'<td><div class="track"><div class="bar" style="width: {place:.1f}%">'
        "</div></div></td></tr>"
        for name, value, place in zip(names, x.reshape(-1), places, strict=True)
    ]
    rest = len(rows) - _MOST_COLUMNS
    if rest > 0:
        rows[_MOST_COLUMNS:] = [f"<tr><td>and {rest:,} others</td></tr>"]
    return f"<table><tbody>{''.join(rows)}</tbody></table>"
