"""Clouds of codes and confusion matrices, read back from the figure."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from zoo.pictures import Panel, code_clouds, codes, confusion, confusion_matrix
from zoo.pictures.paper import DATA, paper

TAB10 = matplotlib.colormaps["tab10"]


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


class TestCodeClouds:
    @staticmethod
    def figure(points, panels, centres=None, title="title"):
        with paper():
            return codes._figure(points, panels, centres, ("a", "b"), title)

    @staticmethod
    def shown(axes):
        """Code, colour and number of marks' corners of each code, in no order."""
        return {
            (*point, *np.round(cloud.get_facecolor()[0, :3], 6)): len(
                cloud.get_paths()[0]
            )
            for cloud in axes.collections
            for point in cloud.get_offsets()
        }

    def test_each_code_has_the_colour_and_marker_of_its_label(self):
        points, labels = rows(30, 2), np.arange(30) % 3
        panels = [Panel("class", labels), Panel("category", labels, [1, 0, 11])]
        first, second = self.figure(points, panels).axes
        for axes, styles in ((first, (0, 1, 2)), (second, (1, 0, 11))):
            found = self.shown(axes)
            assert len(found) == 30
            corners = {}
            for point, label in zip(points, labels, strict=True):
                colour = np.round(TAB10(styles[label] % 10)[:3], 6)
                corners.setdefault(label, set()).add(found[(*point, *colour)])
            assert all(len(sizes) == 1 for sizes in corners.values())
            same = corners[0] == corners[2]
            assert same == (styles[2] < 10)
            assert corners[0] == corners[1]
        assert first.get_xlim() == second.get_xlim()
        assert first.get_ylim() == second.get_ylim()
        assert [axes.get_title() for axes in (first, second)] == ["class", "category"]

    def test_the_legend_has_labels_that_there_are_by_style(self, texts):
        labels = np.array([4, 4, 1, 2, 0])
        panel = Panel("category", labels, [1, 11, 0, 3, 2])
        (axes,) = self.figure(rows(5, 2), [panel]).axes
        legend = axes.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == ["2", "0", "4", "1"]
        colours = [to_rgb(handle.get_color()) for handle in legend.legend_handles]
        assert colours == [TAB10(k)[:3] for k in (0, 1, 2, 1)]
        markers = [handle.get_marker() for handle in legend.legend_handles]
        assert markers == ["o", "o", "o", "^"]

    def test_numbers_are_at_the_centres(self, texts):
        centres = np.array([[0.0, 0.0], [2.0, 1.0], [-1.0, -2.0]])
        panels = [Panel("class", np.zeros(400, int)), Panel("b", np.arange(400) % 3)]
        figure = self.figure(2 * rows(400, 2), panels, centres)
        first, second = figure.axes
        assert not first.texts
        assert [note.get_text() for note in second.texts] == ["0", "1", "2"]
        np.testing.assert_allclose([n.xy for n in second.texts], centres, atol=0.02)

    def test_numbers_of_near_centres_are_apart_with_lines(self, assert_legible):
        centres = np.concatenate([np.zeros([12, 2]), [[30.0, 0.0]]])
        panel = Panel("category", np.arange(300) % 13)
        figure = self.figure(rows(300, 2), [panel], centres)
        assert_legible(figure)
        (axes,) = figure.axes
        # The last is far from all codes, and left out.
        assert [note.get_text() for note in axes.texts] == [str(k) for k in range(12)]
        inches = axes.transData.transform([note.xy for note in axes.texts]) / 200
        gaps = np.linalg.norm(inches[:, None] - inches, axis=-1) + np.eye(12)
        assert gaps.min() > 0.18
        for line, note in zip(axes.lines, axes.texts, strict=True):
            np.testing.assert_allclose(line.get_xydata(), [note.xy, (0, 0)])

    def test_limits_hold_centres_that_are_not_far(self):
        panel = Panel("category", np.zeros(400, int))
        (axes,) = self.figure(rows(400, 2), [panel], np.array([[0.0, 6.0]])).axes
        assert axes.get_ylim()[1] > 6
        assert len(axes.texts) == 1
        (axes,) = self.figure(rows(400, 2), [panel], np.array([[0.0, 60.0]])).axes
        assert axes.get_ylim()[1] < 6

    @pytest.mark.parametrize(("count", "title"), [(1, None), (20, "many words " * 20)])
    def test_legible(self, count, title, assert_legible):
        labels = np.arange(200) % count
        panels = [Panel("class", labels), Panel("category", labels)]
        centres = rows(count, 2, 1)
        assert_legible(self.figure(rows(200, 2), panels, centres, title))

    def test_too_many_labels_have_one_colour(self):
        (axes,) = self.figure(rows(101, 2), [Panel("class", np.arange(101))]).axes
        assert axes.get_legend() is None
        (cloud,) = axes.collections
        assert len(cloud.get_offsets()) == 101
        np.testing.assert_allclose(cloud.get_facecolor()[0, :3], to_rgb(DATA))

    def test_not_finite_is_left_out_with_its_label(self, words):
        points, labels = rows(6, 2), np.arange(6)
        points[2, 1] = np.nan
        figure = self.figure(points, [Panel("class", labels)])
        found = self.shown(figure.axes[0])
        expected = [(*points[k], *np.round(TAB10(k)[:3], 6)) for k in (0, 1, 3, 4, 5)]
        assert set(found) == set(expected)
        assert "1 of 6 codes not finite, left out" in words(figure)

    def test_far_codes_are_counted(self, words):
        points = rows(100, 2)
        points[:4] = 1e9
        figure = self.figure(points, [Panel("class", np.zeros(100, int))])
        assert "4% outside" in words(figure)

    def test_collapsed_codes(self, assert_legible):
        panel = Panel("class", np.arange(9))
        assert_legible(self.figure(np.zeros((9, 2)), [panel], np.zeros((9, 2))))

    def test_errors(self, tmp_path):
        path, panel = tmp_path / "x.png", Panel("class", np.zeros(9, int))
        with pytest.raises(ValueError, match=r"codes must have shape \[n, 2\]"):
            code_clouds(path, rows(9, 3), [panel])
        with pytest.raises(ValueError, match=r"received \(9,\) for 'class'"):
            code_clouds(path, rows(8, 2), [panel])
        with pytest.raises(ValueError, match="received 9, none of them finite"):
            code_clouds(path, rows(9, 2) * np.inf, [panel])
        assert not path.exists()


class TestConfusionMatrix:
    @staticmethod
    def figure(counts, hits=(), labels=None, title="title"):
        rows, columns = ([str(k) for k in range(n)] for n in np.shape(counts))
        with paper():
            return confusion._figure(counts, labels or rows, columns, hits, title)

    def test_each_count_is_in_its_row_and_column(self, texts):
        counts = np.array([[5, 0, 12], [1, 300, 2]])
        figure = self.figure(counts)
        (axes,) = figure.axes
        (mesh,) = axes.collections
        shares = counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(mesh.get_array(), shares)
        found = {note.get_text(): note.xy for note in axes.texts}
        assert found == {
            "5": (0.5, 0.5),
            "12": (2.5, 0.5),
            "1": (0.5, 1.5),
            "300": (1.5, 1.5),
            "2": (2.5, 1.5),
        }
        # The first row on top, the first column left; names beside them.
        places = dict(texts(figure))
        assert places["5"].y0 > places["1"].y1
        assert places["12"].x0 > places["5"].x1
        box = axes.get_window_extent()
        assert box.width / 3 == pytest.approx(box.height / 2)
        assert [t.get_text() for t in axes.get_yticklabels()] == ["0", "1"]
        assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "1", "2"]

    def test_numbers_are_readable_on_their_shade(self):
        (axes,) = self.figure(np.array([[9, 1], [5, 5]])).axes
        colours = {n.get_text(): n.get_color() for n in axes.texts}
        assert colours["9"] == "white"
        assert colours["1"] == colours["5"] != "white"

    def test_frames(self, words):
        figure = self.figure(np.eye(3, dtype=int), [(0, 2), (1, 1)])
        (axes,) = figure.axes
        assert [patch.get_xy() for patch in axes.patches] == [(2, 0), (1, 1)]
        assert "framed" in words(figure)
        assert "framed" not in words(self.figure(np.eye(3, dtype=int)))

    @pytest.mark.parametrize("shape", [(1, 2), (10, 16), (20, 20)])
    def test_legible(self, shape, assert_legible):
        counts = np.random.default_rng(0).integers(0, 9999, shape)
        labels = [f"class {k}" for k in range(shape[0])]
        figure = self.figure(counts, [(0, 0)], labels, "many words " * 12)
        assert_legible(figure)
        assert max(figure.get_size_inches()) < 9.5
        assert len(figure.axes[0].texts) == np.sum(counts > 0)
        sizes = {note.get_fontsize() for note in figure.axes[0].texts}
        assert min(sizes, default=8) >= 4.5

    def test_too_many_for_numbers(self, words, assert_legible):
        figure = self.figure(np.full((10, 90), 1234))
        assert not figure.axes[0].texts
        assert "too many for numbers" in words(figure)
        assert figure.get_figwidth() <= 7.01

    def test_a_class_without_rows_is_white(self):
        (axes,) = self.figure(np.array([[0, 0], [1, 3]])).axes
        np.testing.assert_array_equal(axes.collections[0].get_array()[0], 0)

    def test_errors(self, tmp_path):
        path, names = tmp_path / "x.png", {"row_labels": "ab", "column_labels": "01"}
        with pytest.raises(ValueError, match=r"none empty.*received shape \(0, 2\)"):
            confusion_matrix(path, np.zeros((0, 2), int), **names)
        with pytest.raises(ValueError, match=r"shape \(2, 2\), from -1"):
            confusion_matrix(path, np.array([[0, -1], [0, 0]]), **names)
        with pytest.raises(ValueError, match="2 rows and 3 columns; received 2 and 2"):
            confusion_matrix(path, np.zeros((2, 3), int), **names)
        assert not path.exists()
