"""Histograms of codes and tables of information, read back from the figure."""

import numpy as np
import pytest
from scipy.stats import norm

from zoo.pictures import (
    code_histograms,
    histograms,
    images,
    information,
    information_matrix,
)
from zoo.pictures.paper import paper


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


class TestCodeHistograms:
    @staticmethod
    def figure(codes, headings=None, title="title"):
        headings = headings or [f"z{k}  0.00 nats" for k in range(codes.shape[1])]
        with paper():
            return histograms._figure(codes, headings, title)

    def test_each_code_has_its_own_panel(self, texts):
        codes = rows(1_000, 6) * [1, 0.5, 0.1, 1, 1, 1] + [0, 1, 2, 0, 0, 0]
        figure = self.figure(codes)
        assert len(figure.axes) == 6
        for axes, code in zip(figure.axes, codes.T, strict=True):
            (stairs,) = axes.patches
            heights, edges, _ = stairs.get_data()
            counts, _ = np.histogram(code, edges)
            np.testing.assert_allclose(heights * np.diff(edges), counts / 1_000)
            assert axes.get_xlim() == (edges[0], edges[-1])
            # One of the bars is centred on 0.
            assert np.abs((edges[1:] + edges[:-1]) / 2).min() < 1e-9
        places = {text: box for text, box in texts(figure) if text.startswith("z")}
        assert places["z1  0.00 nats"].x0 > places["z0  0.00 nats"].x1
        assert places["z0  0.00 nats"].y0 > places["z4  0.00 nats"].y1

    def test_the_line_is_the_prior(self):
        (axes,) = self.figure(rows(100, 1)).axes
        (line,) = axes.lines
        np.testing.assert_allclose(line.get_ydata(), norm.pdf(line.get_xdata()))
        assert line.get_xdata()[0] <= -3.5
        assert line.get_xdata()[-1] >= 3.5

    def test_panels_share_their_axes_and_spikes_are_cut(self, words):
        codes = rows(1_000, 2)
        codes[:, 1] = 0
        figure = self.figure(codes)
        first, second = figure.axes
        assert first.get_xlim() == second.get_xlim()
        assert first.get_ylim() == second.get_ylim()
        assert first.get_ylim()[1] == pytest.approx(2.2 * norm.pdf(0))
        heights, edges, _ = second.patches[0].get_data()
        (spike,) = np.flatnonzero(heights)
        assert edges[spike] < 0 < edges[spike + 1]
        assert heights[spike] > first.get_ylim()[1]
        assert "bars that reach the top are cut" in words(figure)
        assert "cut" not in words(self.figure(rows(1_000, 2)))

    def test_what_is_far_away_is_said(self, words):
        codes = rows(1_000, 1)
        codes[:40] = 1e6
        assert "4% outside" in words(self.figure(codes))
        codes[:40] = np.nan
        assert "40 of 1,000 codes not finite" in words(self.figure(codes))

    def test_wide_codes_have_no_more_bars(self):
        (axes,) = self.figure(100 * rows(10_000, 1)).axes
        assert len(axes.patches[0].get_data().values) == 37
        assert axes.get_xlim()[1] > 200
        (axes,) = self.figure(rows(9, 1)).axes
        assert len(axes.patches[0].get_data().values) == 19

    @pytest.mark.parametrize("number", [1, 2, 5, 12])
    def test_legible(self, number, assert_legible):
        headings = [f"z{100 + k}  12.34 nats" for k in range(number)]
        codes = 1e4 * rows(30, number)
        codes[:, -1] = 0
        figure = self.figure(codes, headings, "many words " * 12)
        assert_legible(figure)
        assert figure.get_figwidth() <= 7.01

    def test_errors(self, tmp_path):
        path = tmp_path / "x.png"
        with pytest.raises(ValueError, match=r"codes must have shape \[n, columns\]"):
            code_histograms(path, np.zeros(3), headings="a")
        with pytest.raises(ValueError, match="all 3 codes; received 2"):
            code_histograms(path, rows(5, 3), headings="ab")
        with pytest.raises(ValueError, match="none of them finite"):
            code_histograms(path, rows(5, 3) * np.nan, headings="abc")
        assert not path.exists()


class TestInformationMatrix:
    @staticmethod
    def figure(shares, factors=None, latents=None):
        factors = factors or [f"factor {k}" for k in range(len(shares))]
        latents = latents or [f"z{k}" for k in range(np.shape(shares)[1])]
        with paper():
            return information._figure(shares, factors, latents, "title")

    def test_each_share_is_in_its_row_and_column(self, words):
        shares = np.array([[0.5, 0.004, 0.12], [-1e-16, 0.25, 1 + 1e-12]])
        figure = self.figure(shares)
        (axes,) = figure.axes
        (mesh,) = axes.collections
        np.testing.assert_allclose(mesh.get_array(), np.clip(shares, 0, 1))
        assert mesh.get_clim() == (0, 1)
        found = {note.get_text(): note.xy for note in axes.texts}
        assert found == {
            "0.50": (0.5, 0.5),
            "0.12": (2.5, 0.5),
            "0.25": (1.5, 1.5),
            "1.00": (2.5, 1.5),
        }
        assert [patch.get_xy() for patch in axes.patches] == [(0, 0), (2, 1)]
        assert [t.get_text() for t in axes.get_yticklabels()] == [
            "factor 0",
            "factor 1",
        ]
        assert [t.get_text() for t in axes.get_xticklabels()] == ["z0", "z1", "z2"]
        for text in ("factor's entropy", "latent that tells most", "factor", "latent"):
            assert text in words(figure)

    @pytest.mark.parametrize("shape", [(1, 1), (5, 10), (7, 12)])
    def test_legible(self, shape, assert_legible):
        shares = np.random.default_rng(0).random(shape)
        figure = self.figure(shares, ["orientation"] * shape[0])
        assert_legible(figure)
        assert len(figure.axes[0].texts) == np.sum(shares >= 0.005)

    def test_errors(self, tmp_path):
        path, names = tmp_path / "x.png", {"factors": "ab", "latents": "01"}
        for shares in ([[0.5, 1.2], [0, 0]], [[0, np.nan], [0, 0]], [[], []], [1, 1]):
            with pytest.raises(ValueError, match="from 0 to 1; received shape"):
                information_matrix(path, np.array(shares), **names)
        with pytest.raises(ValueError, match="2 rows and 3 columns; received 2 and 2"):
            information_matrix(path, np.zeros((2, 3)), **names)
        assert not path.exists()


@pytest.mark.parametrize(("side", "lines"), [(2, 12), (8, 1), (8, 12), (64, 12)])
def test_traversals_are_legible(side, lines, assert_legible):
    steps = np.linspace(-3, 3, 11)
    labels = [f"z{k}  12.34 nats" for k in range(lines)]
    columns = ["test", "mean", *(f"{step:.2g}".replace("-", "−") for step in steps)]
    tiles = np.zeros((13 * lines, side, side))
    with paper():
        page = images._figure(tiles, None, "many words " * 12, 13, labels, columns)
    assert_legible(page)
    assert page.get_figwidth() <= 7.01 + 1.9
