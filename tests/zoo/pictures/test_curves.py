"""Densities, tables and courses of training, read back from the figure."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from zoo.pictures import (
    columns,
    density,
    density_2d,
    pair_plot,
    pairs,
    points,
    ticks,
    training,
    training_curve,
)
from zoo.pictures.paper import paper


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def standard_normal(x):
    return -0.5 * np.sum(x**2, axis=1) - np.log(2 * np.pi)


def history(values):
    return [{"log_prob": v + 1.0, "val_log_prob": v} for v in values]


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

    def test_not_finite_is_left_out_and_told(self, words):
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

    def test_no_finite_sample(self, words):
        figure = self.figure(rows(20, 2), np.full((3, 2), np.nan))
        assert "samples (0)" in words(figure)

    def test_far_samples_are_counted(self, words):
        samples = 0.1 * rows(100, 2, 1)
        samples[:40] = 1e300
        figure = self.figure(rows(100, 2), samples)
        assert "40% outside" in words(figure)

    def test_scales_that_differ_get_limits_of_their_own(self, assert_legible):
        figure = self.figure(rows(99, 2) * [1e6, 1e-4], rows(99, 2))
        assert np.ptp(figure.axes[0].get_xlim()) > 1e6
        assert np.ptp(figure.axes[0].get_ylim()) < 1e-2
        assert_legible(figure)

    @pytest.mark.parametrize("n", [1, 30])
    def test_constant_columns(self, n, assert_legible):
        figure = self.figure(np.tile([[2.0, 1e9]], (n, 1)), rows(1, 2))
        assert np.ptp(figure.axes[0].get_xlim()) > 0.5
        assert_legible(figure)

    def test_names_are_no_formulas_and_any_script(self, words):
        with paper():
            figure = self.figure(rows(9, 2), rows(9, 2), names=("$\\no_{math$", "温度"))
            assert "$\\no_{math$" in words(figure)

    def test_big_clouds_are_thinned_alike(self, words):
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
    def test_one_panel_a_pair(self, d, assert_legible):
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

    def test_shows_the_strongest_pairs_in_table_order_and_says_so(self, words):
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
    def test_awkward_columns(self, values, assert_legible):
        data = np.stack([values, np.arange(len(values))], 1)
        figure = self.figure(data, data[:1])
        assert_legible(figure)
        column = columns.Column.of(1, "x", values, values)
        assert np.all(np.diff(column.edges) > 0)
        assert column.edges[0] <= column.limits[0]
        assert column.edges[-1] >= column.limits[1]

    def test_outliers_do_not_squash_the_rest(self, words):
        data = rows(1_000, 2)
        data[:20] *= 1e4
        figure = self.figure(data, rows(1_000, 2, 1) * 5)
        assert np.ptp(figure.axes[2].get_xlim()) < 15
        assert "% out" in words(figure)

    def test_not_finite_is_left_out_and_told(self, words):
        data, samples = rows(100, 3), rows(100, 3, 1)
        data[:2, 1], samples[:40, 2] = np.nan, -np.inf
        said = words(self.figure(data, samples))
        assert "2 of 100 test rows not finite, left out" in said
        assert "40 of 100 samples not finite, left out" in said

    def test_no_finite_sample(self, words):
        figure = self.figure(rows(20, 2), np.full((3, 2), np.nan))
        assert "3 of 3 samples not finite" in words(figure)

    def test_long_names_are_shortened_and_told_apart(self, assert_legible):
        ends = "temperature_of_the_cooling_system", "outlet_valve_of_the_outer_ring"
        names = [f"{ends[0]}_near_the_{i}th_{ends[1]}" for i in "123"]
        figure = self.figure(rows(50, 3), rows(50, 3, 1), names)
        assert_legible(figure)
        labels = [axes.get_xlabel() for axes in figure.axes[-3:]]
        assert len(set(labels)) == 3
        assert all("…" in label for label in labels)
        assert labels[2].startswith("3: ")

    def test_long_numbers_leave_room(self, assert_legible):
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


class TestTrainingCurve:
    @staticmethod
    def figure(history, term="log_prob", kind="exact", *, lower_is_better=False):
        with paper():
            return training._figure(
                history, term, kind, "title", lower_is_better=lower_is_better
            )

    def test_curves_and_best_epoch(self, assert_legible):
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

    def test_reads_texts_of_a_csv_file(self, words):
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

    def test_losses_and_no_validation(self, words):
        read = [{"loss": v} for v in (3.0, 0.5, 0.7)]
        figure = self.figure(read, "loss", "none", lower_is_better=True)
        assert "best: epoch 2, 0.5" in words(figure)
        assert "nats" not in words(figure)

    def test_first_epochs_do_not_hide_the_rest(self, words):
        values = -50.0 - 1e5 * np.exp(-2.0 * np.arange(100))
        values[20:] += np.linspace(0, 1, 80)
        figure = self.figure(history(values))
        low, high = figure.axes[0].get_ylim()
        assert low > -55
        assert high > -48
        assert "of 100 epochs off the scale" in words(figure)

    def test_few_epochs_are_all_shown(self, words):
        figure = self.figure(history([-170.0, -145.0, -137.0, -133.0, -131.0]))
        low, high = figure.axes[0].get_ylim()
        assert low < -170
        assert high > -130
        assert "off the scale" not in words(figure)

    def test_accidents(self, words):
        values = np.linspace(-9, -5, 40)
        values[20], values[30] = np.nan, -1e300
        figure = self.figure(history(values))
        said = words(figure)
        assert "1 of 40 epochs not finite" in said
        assert "1 of 40 epochs off the scale" in said
        assert figure.axes[0].get_ylim()[0] > -20

    def test_long_terms_fit(self, assert_legible):
        read = [{"log_likelihood": -12_345_678.0 + i} for i in range(3)]
        assert_legible(self.figure(read, "log_likelihood", "lower_bound"))

    @pytest.mark.parametrize("values", [[-2.0], [-2.0] * 3, [np.nan] * 3, [0.0]])
    def test_degenerate_courses(self, values, assert_legible):
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
