"""Pictures are read back: from the file's pixels, or from the figure before it."""

import itertools
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from zoo.pictures import (
    columns,
    density,
    density_2d,
    image_grid,
    images,
    latent_plane,
    pair_plot,
    pairs,
    plane,
    points,
    skeletons,
    stick_figures,
    ticks,
    training,
    training_curve,
)
from zoo.pictures.paper import paper

PNG = b"\x89PNG\r\n\x1a\n"


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def standard_normal(x):
    return -0.5 * np.sum(x**2, axis=1) - np.log(2 * np.pi)


def history(values):
    return [{"log_prob": v + 1.0, "val_log_prob": v} for v in values]


def write(name, path):
    if name == "image_grid":
        return image_grid(path, np.eye(8)[None], levels=None)
    if name == "density_2d":
        return density_2d(path, rows(50, 2), rows(50, 2, 1), standard_normal)
    if name == "pair_plot":
        return pair_plot(path, rows(50, 3), rows(50, 3, 1), names=["a", "b", "c"])
    if name == "latent_plane":
        grid = np.array([[-1.0, -2.0], [1.0, 2.0]])
        images = np.ones((2, 2, 4, 4)) * 0.5
        return latent_plane(path, rows(50, 2), images=images, grid=grid)
    if name == "stick_figures":
        return stick_figures(path, figures(1), PARENTS)
    return training_curve(path, history([-3.0, -2.0]), term="log_prob", kind="exact")


PICTURES = (
    "image_grid",
    "density_2d",
    "pair_plot",
    "latent_plane",
    "stick_figures",
    "training_curve",
)
PARENTS = (0, 0, 1, 1)


def figures(n, frames=2):
    """`[n, frames, 4, 3]`: a trunk, and at its top one arm to each side."""
    figure = np.array([[0.0, 0, 0], [0, 2, 0], [1, 2.5, 0], [-1, 2, 0]])
    return np.tile(figure, (n, frames, 1, 1))


def texts(figure):
    """All texts that are visible and not empty, with their extents in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    found = []
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_visible() and text.get_text():
            found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


def words(figure):
    return " | ".join(text.replace("\n", " ") for text, _ in texts(figure))


def assert_legible(figure):
    """No text overlaps another or leaves the page."""
    found = texts(figure)
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


@pytest.mark.parametrize("name", PICTURES)
class TestFiles:
    def test_is_a_png_and_the_path_comes_back(self, name, tmp_path):
        path = tmp_path / "new" / "picture.png"
        assert write(name, path) == path
        assert path.read_bytes().startswith(PNG)
        height, width, _ = imread(path).shape
        assert min(height, width) > 100
        assert os.listdir(path.parent) == ["picture.png"]

    def test_the_old_file_is_replaced_not_written_over(self, name, tmp_path):
        path, reader = tmp_path / "picture.png", tmp_path / "reader.png"
        path.write_bytes(b"old")
        os.link(path, reader)
        write(name, path)
        assert path.read_bytes().startswith(PNG)
        assert reader.read_bytes() == b"old"

    def test_same_input_same_bytes(self, name, tmp_path):
        first = write(name, str(tmp_path / "a.png")).read_bytes()
        assert write(name, str(tmp_path / "b.png")).read_bytes() == first

    def test_settings_of_the_caller_neither_matter_nor_change(self, name, tmp_path):
        plain = write(name, tmp_path / "plain.png").read_bytes()
        with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
            before = dict(matplotlib.rcParams)
            assert write(name, tmp_path / "dark.png").read_bytes() == plain
            assert dict(matplotlib.rcParams) == before

    def test_a_failed_write_leaves_the_old_file_alone(
        self, name, tmp_path, monkeypatch
    ):
        path = tmp_path / "picture.png"
        path.write_bytes(b"old")

        def fail(figure, part, **_):
            part.write_bytes(b"half")
            raise OSError("disk full")

        monkeypatch.setattr(matplotlib.figure.Figure, "savefig", fail)
        with pytest.raises(OSError, match="disk full"):
            write(name, path)
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["picture.png"]

    def test_only_png(self, name, tmp_path):
        with pytest.raises(ValueError, match=r"End it in '\.png'"):
            write(name, tmp_path / "picture.pdf")


def test_needs_neither_pyplot_nor_tensorflow():
    code = (
        "import sys, zoo.pictures; "
        "print([m for m in ('matplotlib.pyplot', 'tensorflow') if m in sys.modules])"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


class TestImageGrid:
    @staticmethod
    def tiles(path, columns, shape):
        """The tiles, found by their known shape: one value each, at their centres."""
        pixels = imread(path)[..., :3]
        ink = np.argwhere(pixels.min(axis=2) < 0.999)
        (top, left), (bottom, right) = ink.min(0), ink.max(0) + 1
        grid = pixels[top:bottom, left:right]
        lines, height, width = shape
        y = ((np.arange(lines * height) + 0.5) * grid.shape[0]) / (lines * height)
        x = ((np.arange(columns * width) + 0.5) * grid.shape[1]) / (columns * width)
        return grid[np.ix_(y.astype(int), x.astype(int))]

    def test_every_pixel_is_where_and_what_it_was(self, tmp_path):
        # Never white at the borders, which is how the grid is found again.
        x = np.random.default_rng(0).integers(0, 15, size=(12, 8, 8))
        path = image_grid(tmp_path / "x.png", x, levels=17, columns=4)
        found = self.tiles(path, 4, (3, 8, 8))
        expected = x.reshape(3, 4, 8, 8).swapaxes(1, 2).reshape(24, 32) / 16
        assert np.ptp(found, axis=2).max() == 0
        np.testing.assert_allclose(found[..., 0], expected, atol=0.51 / 255)

    def test_colours(self, tmp_path):
        x = np.random.default_rng(0).uniform(0, 0.9, size=(4, 5, 7, 3))
        path = image_grid(tmp_path / "x.png", x, levels=None, columns=2)
        expected = x.reshape(2, 2, 5, 7, 3).swapaxes(1, 2).reshape(10, 14, 3)
        found = self.tiles(path, 2, (2, 5, 7))
        np.testing.assert_allclose(found, expected, atol=0.51 / 255)

    def test_grey_levels_do_not_depend_on_the_other_images(self):
        dim = np.full((1, 4, 4), 3)
        bright = np.full((1, 4, 4), 15)
        alone, _ = images.to_tiles(dim, 16)
        both, _ = images.to_tiles(np.concatenate([dim, bright]), 16)
        np.testing.assert_array_equal(alone[0], both[0])
        assert both[1].min() == 255

    def test_booleans_floats_and_a_channel_axis_agree(self):
        x = np.random.default_rng(0).random((3, 4, 4)) > 0.5
        expected, _ = images.to_tiles(x.astype(float), None)
        for same in (x, x.astype(int), x[..., None]):
            np.testing.assert_array_equal(images.to_tiles(same, 2)[0], expected)

    @pytest.mark.parametrize(
        ("n", "expected"),
        [(1, 1), (2, 2), (3, 3), (7, 4), (10, 5), (50, 10), (64, 8), (100, 10)],
    )
    def test_columns_fill_the_grid(self, n, expected):
        assert images._columns(n, None, None) == expected

    @pytest.mark.parametrize("side", [8, 28, 64])
    @pytest.mark.parametrize("n", [1, 64])
    def test_sensible_size(self, side, n, tmp_path):
        x = np.zeros((n, side, side))
        path = image_grid(tmp_path / "x.png", x, levels=None, title="samples")
        height, width, _ = imread(path).shape
        low, high = (900, 1_400) if n == 64 else (250, 500)
        assert low < width < high
        assert low < height < high

    def test_large_grids_stay_on_a_page(self):
        with paper():
            figure = images._figure(np.zeros((100, 256, 256)), None, "t", None, None)
        assert max(figure.get_size_inches()) < 8
        assert figure.dpi > 300

    def test_images_that_are_not_finite_are_blank_in_their_place(self):
        x = np.zeros((6, 4, 4))
        x[2, 1, 1], x[5, 0, 0] = np.nan, np.inf
        tiles, notes = images.to_tiles(x, None)
        np.testing.assert_array_equal(tiles[[2, 5]], 255)
        np.testing.assert_array_equal(tiles[[0, 1, 3, 4]], 0)
        assert notes == ["2 of 6 images not finite, blank"]

    def test_all_blank(self, tmp_path):
        x = np.full((2, 4, 4), np.nan)
        assert image_grid(tmp_path / "x.png", x, levels=None).exists()

    def test_says_how_much_was_clipped(self):
        x = np.full((1, 10, 10), 0.5)
        x[0, 0, :5] = 7.0
        with paper():
            figure = images._figure(x, None, "samples", None, None)
        assert "5.0% of the values out of range, clipped" in words(figure)
        _, notes = images.to_tiles(np.array([[[-1e-7, 1.0 + 1e-6]]]), None)
        assert notes == []

    def test_row_labels(self):
        labels = ["test images", "reconstructions", "an endless text " * 5]
        with paper():
            figure = images._figure(np.zeros((9, 8, 8)), None, "t", None, labels)
            assert_legible(figure)
            found = dict(texts(figure))
        assert found["test images"].y0 > found["reconstructions"].y0
        assert any("…" in text for text in found)

    def test_column_labels(self):
        labels = ["test", "0", "0.5", "an endless text " * 5]
        with paper():
            figure = images._figure(
                np.zeros((8, 28, 28)), None, "t", 4, ["a", "b"], labels
            )
            assert_legible(figure)
            found = dict(texts(figure))
        (image,) = figure.images
        left, bottom = image.ox, image.oy
        height, width, _ = image.get_array().shape
        for number, label in enumerate(labels[:3]):
            box = found[label]
            centre = left + (number + 0.5) * width / 4
            assert (box.x0 + box.x1) / 2 == pytest.approx(centre, abs=4)
            assert bottom + height <= box.y0 + 1 < bottom + height + 20
        assert found["t"].y0 > found["test"].y1
        assert any("…" in text for text in found)

    @pytest.mark.parametrize("n", [1, 3])
    def test_long_titles_wrap(self, n):
        with paper():
            figure = images._figure(
                np.zeros((n, 8, 8)), None, "many words " * 12, None, None
            )
            assert_legible(figure)

    @pytest.mark.parametrize(
        "shape", [(8, 8), (0, 8, 8), (2, 8, 8, 2), (1, 1, 8, 8, 1)]
    )
    def test_wrong_shapes(self, shape, tmp_path):
        with pytest.raises(ValueError, match=r"images must have shape .* received \("):
            image_grid(tmp_path / "x.png", np.zeros(shape), levels=None)

    @pytest.mark.parametrize("levels", [None, 1])
    def test_integers_need_levels(self, levels, tmp_path):
        with pytest.raises(ValueError, match="need their number of grey levels"):
            image_grid(tmp_path / "x.png", np.zeros((1, 2, 2), int), levels=levels)

    def test_wrong_rows(self, tmp_path):
        x = np.zeros((6, 4, 4))
        with pytest.raises(ValueError, match="make 2 rows; received 3 labels"):
            image_grid(
                tmp_path / "x.png", x, levels=2, columns=3, row_labels=["a", "b", "c"]
            )
        with pytest.raises(ValueError, match="received 2 labels for 3 columns"):
            image_grid(
                tmp_path / "x.png", x, levels=2, columns=3, column_labels=["a", "b"]
            )
        with pytest.raises(ValueError, match="columns must be at least 1"):
            image_grid(tmp_path / "x.png", x, levels=2, columns=0)


class TestDensity:
    @staticmethod
    def figure(data, samples, log_prob=standard_normal, names=("x1", "x2")):
        with paper():
            return density._figure(data, samples, log_prob, names, "title")

    def test_three_square_panels_with_shared_limits(self):
        figure = self.figure(rows(400, 2), rows(400, 2, 1))
        panels = figure.axes[:3]
        assert [a.get_title() for a in panels] == [
            "test data (400)",
            "samples (400)",
            "density",
        ]
        for axes in panels:
            box = axes.get_window_extent()
            assert box.width == pytest.approx(box.height)
            assert axes.get_xlim() == panels[0].get_xlim()
            assert axes.get_ylim() == panels[0].get_ylim()
            assert np.ptp(axes.get_xlim()) == pytest.approx(np.ptp(axes.get_ylim()))

    def test_map_is_the_density_right_way_up(self):
        def log_prob(x):  # narrow, centred on (1, -1)
            return standard_normal((x - [1.0, -1.0]) / 0.2) - 2 * np.log(0.2)

        figure = self.figure(rows(400, 2), rows(400, 2, 1), log_prob)
        axes = figure.axes[2]
        (image,) = axes.images
        values = image.get_array()
        assert values.max() == pytest.approx(1 / (2 * np.pi * 0.04), rel=0.01)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        box = axes.get_window_extent().extents.astype(int)
        page = np.asarray(canvas.buffer_rgba())[::-1].astype(int)  # y upwards
        map_ = page[box[1] : box[3], box[0] : box[2]]
        y, x = np.argwhere(map_[..., 0] == map_[..., 0].max()).mean(axis=0)
        place = axes.transData.inverted().transform((x + box[0], y + box[1]))
        np.testing.assert_allclose(place, [1, -1], atol=0.1)
        left, right, bottom, top = image.get_extent()
        cell = (right - left) * (top - bottom) / values.size
        assert values.sum() * cell == pytest.approx(1, abs=1e-3)

    def test_colour_scale_ignores_a_spike(self):
        values = np.full((200, 200), 1.0)
        values[3, 3] = 500.0
        assert density._top(np.ma.masked_invalid(values)) == 1.0

    def test_log_prob_sees_one_shape(self):
        shapes = set()

        def log_prob(x):
            shapes.add((x.shape, x.dtype.name))
            return standard_normal(x)

        self.figure(rows(9, 2), rows(9, 2), log_prob)
        assert shapes == {((4_000, 2), "float32")}

    def test_not_finite_is_left_out_and_told(self):
        data, samples = rows(100, 2), rows(100, 2, 1)
        data[3, 0], samples[:5, 1] = np.nan, np.inf

        def log_prob(x):
            return np.where(x[:, 0] > 100, np.nan, np.where(x[:, 1] > 0, -np.inf, 800))

        def half(x):
            return np.where(x[:, 0] > 0, np.nan, standard_normal(x))

        figure = self.figure(data, samples, half)
        said = words(figure)
        assert "1 of 100 test points not finite" in said
        assert "5 of 100 samples not finite" in said
        assert "density not finite on" in said
        assert "test data (99)" in said
        assert "samples (95)" in said
        # exp overflows on one half, is 0 on the other.
        assert "density not finite on" in words(self.figure(data, samples, log_prob))

    def test_no_finite_sample(self):
        figure = self.figure(rows(20, 2), np.full((3, 2), np.nan))
        assert "samples (0)" in words(figure)

    def test_far_samples_are_counted(self):
        samples = 0.1 * rows(100, 2, 1)
        samples[:40] = 1e300
        figure = self.figure(rows(100, 2), samples)
        assert "40% outside" in words(figure)

    def test_scales_that_differ_get_limits_of_their_own(self):
        figure = self.figure(rows(99, 2) * [1e6, 1e-4], rows(99, 2))
        assert np.ptp(figure.axes[0].get_xlim()) > 1e6
        assert np.ptp(figure.axes[0].get_ylim()) < 1e-2
        assert_legible(figure)

    @pytest.mark.parametrize("n", [1, 30])
    def test_constant_columns(self, n):
        figure = self.figure(np.tile([[2.0, 1e9]], (n, 1)), rows(1, 2))
        assert np.ptp(figure.axes[0].get_xlim()) > 0.5
        assert_legible(figure)

    def test_names_are_no_formulas_and_any_script(self):
        with paper():
            figure = self.figure(rows(9, 2), rows(9, 2), names=("$\\no_{math$", "温度"))
            assert "$\\no_{math$" in words(figure)

    def test_big_clouds_are_thinned_alike(self):
        figure = self.figure(rows(8_000, 2), rows(7_000, 2))
        assert "test data (5,000)" in words(figure)
        assert "samples (5,000)" in words(figure)

    def test_errors(self, tmp_path):
        path, good = tmp_path / "x.png", rows(9, 2)
        with pytest.raises(ValueError, match=r"data must have shape \[n, 2\]"):
            density_2d(path, rows(9, 3), good, standard_normal)
        with pytest.raises(ValueError, match=r"samples must have .* \(0, 2\)"):
            density_2d(path, good, good[:0], standard_normal)
        with pytest.raises(ValueError, match=r"received shape \(4000, 1\)"):
            density_2d(path, good, good, lambda x: x[:, :1])
        with pytest.raises(ValueError, match="No row of the data is finite"):
            density_2d(path, good * np.nan, good, standard_normal)
        with pytest.raises(ValueError, match="names must be two"):
            density_2d(path, good, good, standard_normal, names=["x"])
        assert not path.exists()


class TestPairPlot:
    @staticmethod
    def figure(data, samples, names=None):
        names = names or [f"x{i + 1}" for i in range(data.shape[1])]
        with paper():
            return pairs._figure(data, samples, names, "title")

    @pytest.mark.parametrize("d", [1, 2, 3])
    def test_one_panel_a_pair(self, d):
        figure = self.figure(rows(60, d), rows(60, d, 1))
        assert len(figure.axes) == d * d
        assert_legible(figure)

    def test_data_below_samples_above(self):
        data, samples = rows(60, 2), rows(50, 2, 1)
        figure = self.figure(data, samples)
        _, above, below, _ = figure.axes
        (cloud,) = below.collections
        shown = cloud.get_offsets()
        assert {tuple(p) for p in shown} <= {tuple(p) for p in data}
        assert len(shown) > 50
        (cloud,) = above.collections
        shown = cloud.get_offsets()
        assert {tuple(p) for p in shown} <= {tuple(p) for p in samples[:, ::-1]}
        assert above.get_xlim() == figure.axes[3].get_xlim()
        assert above.get_ylim() == below.get_xlim()

    def test_histograms_share_bins_and_are_densities(self):
        figure = self.figure(rows(4_000, 1), 0.5 * rows(4_000, 1, 1))
        data, samples = (patch.get_data() for patch in figure.axes[0].patches)
        np.testing.assert_array_equal(data.edges, samples.edges)
        for heights in (data.values, samples.values):
            assert np.sum(heights * np.diff(data.edges)) == pytest.approx(1, abs=0.02)
        assert samples.values.max() > 1.5 * data.values.max()

    def test_collapsed_samples_do_not_flatten_the_data(self):
        figure = self.figure(rows(500, 1), np.zeros((500, 1)))
        data, _ = (patch.get_data() for patch in figure.axes[0].patches)
        assert figure.axes[0].get_ylim()[1] < 4 * data.values.max()

    def test_shows_the_strongest_pairs_in_table_order_and_says_so(self):
        data = rows(500, 30)
        for a, b in ((25, 2), (11, 7), (29, 18)):
            data[:, a] = np.exp(data[:, b]) + 0.1 * data[:, a]
        data[:, 0] = 3.0
        assert columns.strongest_columns(data) == [2, 7, 11, 18, 25, 29]
        figure = self.figure(data, data)
        assert len(figure.axes) == 36
        said = words(figure)
        assert "6 of 30 columns" in said
        assert "x26" in said
        assert "x1 " not in said

    def test_constant_columns_come_last(self):
        data = rows(50, 9)
        data[:, [0, 3]] = 1.0
        assert not {0, 3} & set(columns.strongest_columns(data))
        assert len(columns.strongest_columns(np.ones((50, 9)))) == 6

    def test_ranks_share_ties(self):
        ranks = columns._ranks(np.array([5.0, 1.0, 5.0, 9.0]))
        np.testing.assert_array_equal(ranks, [0.0, -1.5, 0.0, 1.5])

    def test_discrete_columns_have_centred_bars_and_discs(self):
        rng = np.random.default_rng(0)
        data = np.stack([rng.random(3_000) < 0.8, rng.integers(0, 4, 3_000)], 1)
        figure = self.figure(data, data)
        heights = figure.axes[3].patches[0].get_data()
        middles = (heights.edges[1:] + heights.edges[:-1]) / 2
        np.testing.assert_allclose(middles[heights.values > 0], [0, 1, 2, 3])
        assert [t.get_text() for t in figure.axes[2].get_xticklabels()] == ["0", "1"]
        (cloud,) = figure.axes[2].collections
        assert len(cloud.get_offsets()) == 8
        areas = dict(
            zip(map(tuple, cloud.get_offsets()), cloud.get_sizes(), strict=True)
        )
        assert areas[1, 2] / areas[0, 2] == pytest.approx(4, rel=0.25)

    def test_integers_fall_evenly_into_bins(self):
        x = np.tile(np.arange(200.0), 20)
        column = columns.Column.of(1, "x", x, x)
        width = np.diff(column.edges)[0]
        assert width == round(width)
        assert column.edges[0] % 1 == 0.5

    @pytest.mark.parametrize(
        "values",
        [
            np.full(50, 7.0),
            np.where(np.arange(50) == 3, 1.0, 0.0),
            np.where(np.arange(50) % 2, 0.3, 0.1 + 0.2),
            np.repeat([1e9, 1e9 + 1, 1e9 + 2], 20),
            np.array([1.0]),
            np.geomspace(1e-30, 1e30, 50),
        ],
        ids=["constant", "one-hot", "rounding", "offset", "one-row", "geometric"],
    )
    def test_awkward_columns(self, values):
        data = np.stack([values, np.arange(len(values))], 1)
        figure = self.figure(data, data[:1])
        assert_legible(figure)
        column = columns.Column.of(1, "x", values, values)
        assert np.all(np.diff(column.edges) > 0)
        assert column.edges[0] <= column.limits[0]
        assert column.edges[-1] >= column.limits[1]

    def test_outliers_do_not_squash_the_rest(self):
        data = rows(1_000, 2)
        data[:20] *= 1e4
        figure = self.figure(data, rows(1_000, 2, 1) * 5)
        assert np.ptp(figure.axes[2].get_xlim()) < 15
        assert "% out" in words(figure)

    def test_not_finite_is_left_out_and_told(self):
        data, samples = rows(100, 3), rows(100, 3, 1)
        data[:2, 1], samples[:40, 2] = np.nan, -np.inf
        said = words(self.figure(data, samples))
        assert "2 of 100 test rows not finite, left out" in said
        assert "40 of 100 samples not finite, left out" in said

    def test_no_finite_sample(self):
        figure = self.figure(rows(20, 2), np.full((3, 2), np.nan))
        assert "3 of 3 samples not finite" in words(figure)

    def test_long_names_are_shortened_and_told_apart(self):
        ends = "temperature_of_the_cooling_system", "outlet_valve_of_the_outer_ring"
        names = [f"{ends[0]}_near_the_{i}th_{ends[1]}" for i in "123"]
        figure = self.figure(rows(50, 3), rows(50, 3, 1), names)
        assert_legible(figure)
        labels = [axes.get_xlabel() for axes in figure.axes[-3:]]
        assert len(set(labels)) == 3
        assert all("…" in label for label in labels)
        assert labels[2].startswith("3: ")

    def test_long_numbers_leave_room(self):
        data = rows(50, 6) * [1, 1e-9, 1e12, 10, 0.01, 1e3] + [1e9, 0, 0, 5e5, 7, 0]
        assert_legible(self.figure(data, data))

    def test_errors(self, tmp_path):
        path, good = tmp_path / "x.png", rows(9, 3)
        with pytest.raises(ValueError, match=r"data must have shape \[n, columns\]"):
            pair_plot(path, good[0], good, names="abc")
        with pytest.raises(ValueError, match=r"samples must have shape \[n, 3\]"):
            pair_plot(path, good, good[:, :2], names="abc")
        with pytest.raises(ValueError, match="names must name all 3 columns"):
            pair_plot(path, good, good, names="ab")
        with pytest.raises(ValueError, match="No row of the data is finite"):
            pair_plot(path, good * np.inf, good, names="abc")
        assert not path.exists()


class TestLatentPlane:
    GRID = np.array([[-1.0, -4.0], [-0.5, 0.0], [3.0, 4.0]])

    @staticmethod
    def figure(codes, labels=None, images=None, grid=None, title="title"):
        with paper():
            return plane._figure(codes, labels, images, grid, title)

    @staticmethod
    def shades(*shape):
        """Images of one value each, none white: `[row, column]` of 3 x 3."""
        values = np.arange(9).reshape(3, 3, *[1] * len(shape)) / 10
        return np.broadcast_to(values, (3, 3, *shape))

    @pytest.mark.parametrize("shape", [(8, 8), (28, 20), (10, 40), (64, 64, 3)])
    def test_every_image_is_where_its_code_is(self, shape):
        values = self.shades(*shape)
        figure = self.figure(rows(400, 2), None, values, self.GRID)
        assert_legible(figure)
        axes = figure.axes[1]
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        page = np.asarray(canvas.buffer_rgba())[::-1, :, 0]  # y upwards
        box = axes.get_window_extent()
        assert max(box.width, box.height) / figure.dpi == pytest.approx(3.0)
        (image,) = figure.images
        assert (image.ox, image.oy) == pytest.approx((box.x0, box.y0), abs=0.6)
        side = [shape[0] / shape[1], box.height / box.width]
        assert side[0] == pytest.approx(side[1], rel=0.03)  # For the gaps.
        for row in range(3):
            for column in range(3):
                x, y = axes.transData.transform((column + 0.5, row + 0.5))
                shown = page[int(y), int(x)] / 255
                assert shown == pytest.approx(values[row, column].max(), abs=0.003)
        # Nothing is resampled: only these nine values, and the white between.
        inside = page[round(box.y0) + 5 : round(box.y1), round(box.x0) + 5 :]
        inside = inside[:, : round(box.width) - 10]
        found = set(inside.ravel())
        assert found == {*np.rint(255 * values).astype(int).ravel(), 255}

    def test_ticks_are_where_the_codes_are(self):
        figure = self.figure(rows(400, 2), None, self.shades(8, 8), self.GRID)
        axes = figure.axes[1]
        for axis, column in ((axes.xaxis, 0), (axes.yaxis, 1)):
            for place, label in zip(
                axis.get_ticklocs(), axis.get_ticklabels(), strict=True
            ):
                value = float(label.get_text().replace("−", "-"))
                codes = self.GRID[:, column]
                expected = 0.5 + np.interp(value, codes, [0, 1, 2])
                assert place == pytest.approx(expected)

    def test_limits_and_frame_hold_the_grid(self):
        figure = self.figure(rows(400, 2) * 0.01, None, self.shades(8, 8), self.GRID)
        axes = figure.axes[0]
        (frame,) = axes.patches
        assert frame.get_xy() == (-1.0, -4.0)
        assert (frame.get_width(), frame.get_height()) == (4.0, 8.0)
        assert axes.get_xlim()[0] < -1 < 3 < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < -4 < 4 < axes.get_ylim()[1]
        assert "frame: the range of the means" in words(figure)

    def test_classes_have_colours_that_the_legend_tells(self):
        codes, labels = rows(600, 2), np.arange(600) % 3 * 2
        codes[labels == 4] = np.nan, 1.0
        codes[7] = np.inf
        figure = self.figure(codes, labels)
        assert_legible(figure)
        (axes,) = figure.axes
        handles = axes.get_legend().legend_handles
        names = [text.get_text() for text in axes.get_legend().get_texts()]
        assert names == ["0", "2", "4"]
        cloud = axes.collections[0]
        kept = np.isfinite(codes).all(axis=1)
        np.testing.assert_array_equal(cloud.get_offsets(), codes[kept])
        for handle, name in zip(handles, names, strict=True):
            chosen = cloud.get_facecolors()[labels[kept] == int(name), :3]
            expected = matplotlib.colors.to_rgb(handle.get_color())
            np.testing.assert_allclose(chosen, np.tile(expected, (len(chosen), 1)))
        assert "201 of 600 codes not finite, left out" in words(figure)
        assert "codes of test data (399)" in words(figure)

    @pytest.mark.parametrize("labels", [None, np.arange(50)])
    def test_no_or_many_classes_have_one_colour(self, labels):
        (axes,) = self.figure(rows(50, 2), labels).axes
        assert axes.get_legend() is None
        assert len(axes.collections[0].get_facecolors()) in (1, 50)
        assert len(np.unique(axes.collections[0].get_facecolors(), axis=0)) == 1

    @pytest.mark.parametrize("title", [None, "many words " * 12])
    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7])
    def test_legible(self, title, scale):
        labels = np.arange(90) % 10
        codes, grid = scale * rows(90, 2) + scale, scale * self.GRID
        assert_legible(self.figure(codes, labels, self.shades(8, 8), grid, title))
        assert_legible(self.figure(codes, labels, None, None, title))

    def test_collapsed_codes(self):
        assert_legible(self.figure(np.zeros((9, 2))))
        assert_legible(
            self.figure(np.zeros((9, 2)), None, self.shades(4, 4), self.GRID)
        )

    def test_errors(self, tmp_path):
        path, good = tmp_path / "x.png", rows(9, 2)
        with pytest.raises(ValueError, match=r"codes must have shape \[n, 2\]"):
            latent_plane(path, rows(9, 3))
        with pytest.raises(ValueError, match="received 9, none of them finite"):
            latent_plane(path, good * np.inf)
        with pytest.raises(ValueError, match=r"grid \[k, 2\]; received \(3, 3, 8, 8\)"):
            latent_plane(path, good, images=self.shades(8, 8), grid=good)


class TestStickFigures:
    @staticmethod
    def figure(windows, parents=PARENTS, labels=None):
        with paper():
            return skeletons._figure(windows, parents, "title", labels)

    @staticmethod
    def bones(figure):
        """`[bones, 2, 2]`, the ends of each."""
        (lines,) = figure.axes[0].collections
        return np.array([path.vertices for path in lines.get_paths()])

    def test_a_bone_from_each_joint_to_its_parent(self):
        figure = self.figure(figures(1, 1))
        bones = self.bones(figure)
        assert len(bones) == 3
        cos = np.cos(skeletons._VIEW)
        expected = {
            ((0.0, 2.0), (0.0, 0.0)),
            ((round(-cos, 6), 2.5), (0.0, 2.0)),
            ((round(cos, 6), 2.0), (0.0, 2.0)),
        }
        assert {tuple(map(tuple, bone)) for bone in bones.round(6)} == expected
        assert figure.axes[0].get_aspect() == "auto"
        assert_legible(figure)

    def test_one_scale_to_the_right_and_upwards(self):
        figure = self.figure(figures(3, 5), labels=["a", "b", "c"])
        (axes,) = figure.axes
        box = axes.get_window_extent()
        scale = (
            box.width / np.ptp(axes.get_xlim()),
            box.height / np.ptp(axes.get_ylim()),
        )
        assert scale[0] == pytest.approx(scale[1], rel=0.01)
        assert_legible(figure)

    def test_who_faces_the_front_looks_to_the_right(self):
        nose = figures(1, 1)
        nose[..., 3, :] = [0.0, 2.0, -1.0]
        bones = self.bones(self.figure(nose))
        assert bones[..., 0].max() == pytest.approx(np.sin(skeletons._VIEW))

    def test_what_is_nearer_is_darker_and_above(self):
        figure = self.figure(figures(1, 1))
        (lines,) = figure.axes[0].collections
        greys = lines.get_colors()[:, 0]
        # Seen from the right side, -x is far.
        assert self.bones(figure)[0, 0, 0] > 0 > self.bones(figure)[-1, 0, 0]
        assert greys[0] > greys[1] > greys[2]

    def test_rows_are_windows_and_columns_frames(self):
        windows = figures(2, 3)
        windows[1, 2, 2, 1] = 1.0  # An arm that hangs down.
        bones = self.bones(self.figure(windows)).reshape(-1, 2, 2)
        assert len(bones) == 18
        trunks = bones[np.isclose(bones[:, 0, 0], bones[:, 1, 0])][:, 1]
        right, up = np.unique(trunks[:, 0].round(6)), np.unique(trunks[:, 1].round(6))
        assert (len(right), len(up)) == (3, 2)
        (hanging,) = bones[bones[:, 0, 1] < bones[:, 1, 1] - 0.5]
        np.testing.assert_allclose(hanging[1], [right[-1], up[0] + 2.0], atol=1e-6)

    def test_wandering_sideways_is_taken_away_and_jumping_is_not(self):
        windows = figures(1, 2)
        windows[0, 1] += [5.0, 1.0, -7.0]
        bones = self.bones(self.figure(windows))
        trunks = bones[np.isclose(bones[:, 0, 0], bones[:, 1, 0])]
        first, second = trunks[np.argsort(trunks[:, 0, 0])]
        assert second[0, 1] - first[0, 1] == pytest.approx(1.0)
        assert second[0, 0] - first[0, 0] < 3

    def test_eight_frames_of_many(self):
        figure = self.figure(figures(2, 31))
        assert len(self.bones(figure)) == 2 * 8 * 3
        assert "8 of 31 frames" in words(figure)
        assert "frames" not in words(self.figure(figures(2, 8)))

    def test_not_finite_is_blank_and_told(self):
        windows = figures(4)
        windows[1, 0, 0, 0], windows[2] = np.nan, np.inf
        figure = self.figure(windows, labels=list("abcd"))
        assert "2 of 4 windows not finite, blank" in words(figure)
        assert len(self.bones(figure)) == 2 * 2 * 3
        figure = self.figure(windows[1:3])
        assert len(self.bones(figure)) == 0
        assert_legible(figure)

    def test_far_joints_are_moved_to_the_edge_and_told(self):
        windows = np.random.default_rng(0).normal(size=(10, 8, 4, 3))
        windows[0, 0, 2] = 1e6
        windows[3, 4, 1:] = 1e6
        figure = self.figure(windows)
        assert "of the joints out of range, at the edge" in words(figure)
        assert np.ptp(figure.axes[0].get_xlim()) < 8 * 15

    def test_many_rows_stay_on_a_page(self):
        figure = self.figure(figures(40), labels=[f"person {i}" for i in range(40)])
        assert figure.get_figheight() <= 9.01
        assert_legible(self.figure(figures(10), labels=list("abcdefghij")))

    def test_errors(self, tmp_path):
        path = tmp_path / "x.png"
        with pytest.raises(ValueError, match=r"\[n, frames, 4, 3\].*\(1, 2, 4, 2\)"):
            stick_figures(path, figures(1)[..., :2], PARENTS)
        with pytest.raises(ValueError, match=r"none empty; received \(0, 2, 4, 3\)"):
            stick_figures(path, figures(0), PARENTS)
        with pytest.raises(ValueError, match="each of 2 windows; received 3"):
            stick_figures(path, figures(2), PARENTS, row_labels="abc")
        assert not path.exists()


class TestTrainingCurve:
    @staticmethod
    def figure(history, term="log_prob", kind="exact", *, lower_is_better=False):
        with paper():
            return training._figure(
                history, term, kind, "title", lower_is_better=lower_is_better
            )

    def test_curves_and_best_epoch(self):
        figure = self.figure(history([-9.0, -3.0, -2.5, -4.0]))
        (axes,) = figure.axes
        lines = {line.get_label(): line for line in axes.lines}
        np.testing.assert_array_equal(lines["validation"].get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(
            lines["training"].get_ydata(), [-8.0, -2.0, -1.5, -3.0]
        )
        assert lines["best: epoch 3, −2.50"].get_xdata() == [3]
        assert axes.get_ylabel() == "log_prob (nats per example, exact)"
        assert_legible(figure)

    def test_reads_texts_of_a_csv_file(self):
        read = [
            {"epoch": "0", "elbo": "-5.5", "val_elbo": ""},
            {"epoch": "1", "elbo": "-4.5", "val_elbo": "-4.7"},
            {"epoch": "2", "elbo": "-4.0", "val_elbo": "NA"},
        ]
        figure = self.figure(read, "elbo", "lower_bound")
        said = words(figure)
        assert "best: epoch 1, −4.70" in said
        assert "lower bound" in said
        assert "not finite" not in said

    def test_losses_and_no_validation(self):
        read = [{"loss": v} for v in (3.0, 0.5, 0.7)]
        figure = self.figure(read, "loss", "none", lower_is_better=True)
        assert "best: epoch 2, 0.5" in words(figure)
        assert "nats" not in words(figure)

    def test_first_epochs_do_not_hide_the_rest(self):
        values = -50.0 - 1e5 * np.exp(-2.0 * np.arange(100))
        values[20:] += np.linspace(0, 1, 80)
        figure = self.figure(history(values))
        low, high = figure.axes[0].get_ylim()
        assert low > -55
        assert high > -48
        assert "of 100 epochs off the scale" in words(figure)

    def test_few_epochs_are_all_shown(self):
        figure = self.figure(history([-170.0, -145.0, -137.0, -133.0, -131.0]))
        low, high = figure.axes[0].get_ylim()
        assert low < -170
        assert high > -130
        assert "off the scale" not in words(figure)

    def test_accidents(self):
        values = np.linspace(-9, -5, 40)
        values[20], values[30] = np.nan, -1e300
        figure = self.figure(history(values))
        said = words(figure)
        assert "1 of 40 epochs not finite" in said
        assert "1 of 40 epochs off the scale" in said
        assert figure.axes[0].get_ylim()[0] > -20

    def test_long_terms_fit(self):
        read = [{"log_likelihood": -12_345_678.0 + i} for i in range(3)]
        assert_legible(self.figure(read, "log_likelihood", "lower_bound"))

    @pytest.mark.parametrize("values", [[-2.0], [-2.0] * 3, [np.nan] * 3, [0.0]])
    def test_degenerate_courses(self, values):
        figure = self.figure(history(values))
        assert_legible(figure)
        assert np.all(np.isfinite(figure.axes[0].get_ylim()))

    def test_errors(self, tmp_path):
        path = tmp_path / "x.png"
        with pytest.raises(ValueError, match="history is empty"):
            training_curve(path, [], term="elbo", kind="exact")
        with pytest.raises(ValueError, match="no 'elbo'; it has: log_prob, val_log_pr"):
            training_curve(path, history([1.0]), term="elbo", kind="exact")
        with pytest.raises(ValueError, match="kind must be one of exact, lower_bound"):
            training_curve(path, history([1.0]), term="log_prob", kind="bound")
        with pytest.raises(ValueError, match="row 0 has elbo='x'"):
            training_curve(path, [{"elbo": "x"}], term="elbo", kind="exact")


@pytest.mark.parametrize(
    ("values", "span", "expected"),
    [
        ([0.0, 0.25, 0.5], 0.6, ["0", "0.25", "0.5"]),
        ([-2.0, 0.0, 2.0], 5.0, ["−2", "0", "2"]),
        ([100.0, 2_000.0], 3e3, ["100", "2000"]),
        ([0.0, 1e5, 1.5e5], 2e5, ["0", "1e5", "1.5e5"]),
        ([-2e-4, 0.0], 4e-4, ["−2e−4", "0"]),
        ([9.9998e8, 1e9], 4e4, ["9.9998e8", "1e9"]),
        ([1e9], 4e4, ["1e9"]),
    ],
)
def test_number_labels(values, span, expected):
    assert ticks.number_labels(values, span) == expected


@pytest.mark.parametrize("room", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("vertical", [False, True])
def test_ticks_are_inside_and_few(room, vertical):
    rng = np.random.default_rng(0)
    with paper():
        for scale in 10.0 ** np.arange(-12, 13, 4):
            low, high = np.sort(rng.normal(size=2) * scale)
            values, labels = ticks.nice_ticks((low, high), room, vertical=vertical)
            assert 1 <= len(values) == len(set(labels)) <= 5
            assert low <= min(values) <= max(values) <= high


def test_robust_limits_cover_the_bulk():
    x = np.random.default_rng(0).normal(size=10_000)
    low, high = points.robust_limits(x)
    assert np.mean((x >= low) & (x <= high)) == pytest.approx(0.99, abs=1e-3)
    x[:300] = 1e6  # 3 % of outliers
    assert points.robust_limits(x)[1] < 7
