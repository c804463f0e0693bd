"""What tests of pictures share: their texts, read back from the figure."""

import itertools

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg


def _texts(figure):
    """All texts that are visible and not empty, with their extents in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    found = []
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_visible() and text.get_text():
            found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


@pytest.fixture
def texts():
    return _texts


@pytest.fixture
def words():
    """All texts of a figure, in one."""

    def words(figure):
        return " | ".join(text.replace("\n", " ") for text, _ in _texts(figure))

    return words


@pytest.fixture
def assert_legible():
    """No text overlaps another or leaves the page."""

    def assert_legible(figure):
        found = _texts(figure)
        page = figure.bbox
        for text, box in found:
            assert box.x0 >= -1, text
            assert box.y0 >= -1, text
            assert box.x1 <= page.x1 + 1, text
            assert box.y1 <= page.y1 + 1, text
        for (a, box), (b, other) in itertools.combinations(found, 2):
            wide = min(box.x1, other.x1) - max(box.x0, other.x0)
            high = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert not (wide > 1 and high > 2), f"{a!r} overlaps {b!r}"

    return assert_legible
