"""Images, planes and stick figures, read back from pixels or from the figure."""

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from zoo.pictures import (
    image_grid,
    images,
    latent_plane,
    plane,
    skeletons,
    stick_figures,
)
from zoo.pictures.paper import paper

PARENTS = (0, 0, 1, 1)


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def figures(n, frames=2):
    """`[n, frames, 4, 3]`: a trunk, and at its top one arm to each side."""
    figure = np.array([[0.0, 0, 0], [0, 2, 0], [1, 2.5, 0], [-1, 2, 0]])
    return np.tile(figure, (n, frames, 1, 1))


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

    def test_says_how_much_was_clipped(self, words):
        x = np.full((1, 10, 10), 0.5)
        x[0, 0, :5] = 7.0
        with paper():
            figure = images._figure(x, None, "samples", None, None)
        assert "5.0% of the values out of range, clipped" in words(figure)
        _, notes = images.to_tiles(np.array([[[-1e-7, 1.0 + 1e-6]]]), None)
        assert notes == []

    def test_row_labels(self, texts, assert_legible):
        labels = ["test images", "reconstructions", "an endless text " * 5]
        with paper():
            figure = images._figure(np.zeros((9, 8, 8)), None, "t", None, labels)
            assert_legible(figure)
            found = dict(texts(figure))
        assert found["test images"].y0 > found["reconstructions"].y0
        assert any("…" in text for text in found)

    def test_column_labels(self, texts, assert_legible):
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
    def test_long_titles_wrap(self, n, assert_legible):
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
    def test_every_image_is_where_its_code_is(self, shape, assert_legible):
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

    def test_limits_and_frame_hold_the_grid(self, words):
        figure = self.figure(rows(400, 2) * 0.01, None, self.shades(8, 8), self.GRID)
        axes = figure.axes[0]
        (frame,) = axes.patches
        assert frame.get_xy() == (-1.0, -4.0)
        assert (frame.get_width(), frame.get_height()) == (4.0, 8.0)
        assert axes.get_xlim()[0] < -1 < 3 < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < -4 < 4 < axes.get_ylim()[1]
        assert "frame: the range of the means" in words(figure)

    def test_classes_have_colours_that_the_legend_tells(self, words, assert_legible):
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
    def test_legible(self, title, scale, assert_legible):
        labels = np.arange(90) % 10
        codes, grid = scale * rows(90, 2) + scale, scale * self.GRID
        assert_legible(self.figure(codes, labels, self.shades(8, 8), grid, title))
        assert_legible(self.figure(codes, labels, None, None, title))

    def test_collapsed_codes(self, assert_legible):
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

    def test_a_bone_from_each_joint_to_its_parent(self, assert_legible):
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

    def test_one_scale_to_the_right_and_upwards(self, assert_legible):
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

    def test_eight_frames_of_many(self, words):
        figure = self.figure(figures(2, 31))
        assert len(self.bones(figure)) == 2 * 8 * 3
        assert "8 of 31 frames" in words(figure)
        assert "frames" not in words(self.figure(figures(2, 8)))

    def test_not_finite_is_blank_and_told(self, words, assert_legible):
        windows = figures(4)
        windows[1, 0, 0, 0], windows[2] = np.nan, np.inf
        figure = self.figure(windows, labels=list("abcd"))
        assert "2 of 4 windows not finite, blank" in words(figure)
        assert len(self.bones(figure)) == 2 * 2 * 3
        figure = self.figure(windows[1:3])
        assert len(self.bones(figure)) == 0
        assert_legible(figure)

    def test_far_joints_are_moved_to_the_edge_and_told(self, words):
        windows = np.random.default_rng(0).normal(size=(10, 8, 4, 3))
        windows[0, 0, 2] = 1e6
        windows[3, 4, 1:] = 1e6
        figure = self.figure(windows)
        assert "of the joints out of range, at the edge" in words(figure)
        assert np.ptp(figure.axes[0].get_xlim()) < 8 * 15

    def test_long_titles_wrap_where_the_page_is_narrow(self, assert_legible):
        with paper():
            figure = skeletons._figure(
                figures(14), PARENTS, "many words " * 12, [f"{k}" for k in range(14)]
            )
        assert figure.get_figwidth() < 4
        assert figure.get_figheight() < 9.5
        assert_legible(figure)

    def test_many_rows_stay_on_a_page(self, assert_legible):
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
