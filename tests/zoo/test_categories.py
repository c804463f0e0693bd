"""Pictures of categories: what is on them, against counting and closed forms."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import confusion_matrix

from tfgen import random
from tfgen.signatures import Signature
from zoo import categories, latents, offers, pictures, showing
from zoo.data import ContextSpec, DataSet, DataSpec, Split
from zoo.models import gmvae

IMAGES = DataSpec("greys", (2, 3), "uint8", levels=17)
TABLE = DataSpec("table", (6,), "float32")
BODIES = DataSpec("bodies", (1, 2, 3), "float32", parents=(0, 0))


class Mixture:
    """Any object will do that offers the signatures. The category is the first feature.

    Codes are the features that follow it. Component `k` is at `2 k` in each coordinate,
    with a standard deviation of 0.1.
    """

    def __init__(self, spec, count, codes=2):
        self.spec, self.count, self.size = spec, count, codes

    def flat(self, x):
        return tf.reshape(tf.cast(x, tf.float32), [-1, 6])

    def classify(self, inputs):
        category = tf.cast(self.flat(inputs["x"])[:, 0], tf.int32)
        return {"probabilities": tf.one_hot(category, self.count) * 0.6}

    def encode(self, inputs):
        z = self.flat(inputs["x"])[:, 1 : 1 + self.size]
        return {"loc": z, "scale": tf.ones_like(z)}

    def decode(self, inputs):
        z = tf.pad(inputs["z"], [[0, 0], [1, 5 - self.size]])
        return {"mean": tf.reshape(z, [-1, *self.spec.event_shape])}

    def sample(self, inputs):
        noise = 0.1 * random.normal(inputs["seed"], [self.size])
        z = noise + 2.0 * tf.cast(inputs["context"], tf.float32)[:, None]
        mean = self.decode({"z": z})["mean"]
        return {"x": tf.cast(mean, self.spec.dtype), "z": z, "mean": mean}

    def signatures(self, inputs):
        x, z = {"x": inputs["x"]}, {"z": tf.TensorSpec([None, self.size])}
        seed = {"seed": tf.TensorSpec([None], tf.int32)}
        given = {"context": inputs["context"]} if "context" in inputs else {}
        return [
            Signature("sample", self.sample, {**seed, **given}),
            Signature("encode", self.encode, x),
            Signature("decode", self.decode, z),
            Signature("reconstruct", lambda i: self.decode(self.encode(i)), x),
            Signature("classify", self.classify, x),
        ]


def dataset(spec, found, label=None, *, told=False, seed=0):
    """Rows of the categories, and perhaps with classes, told in training or not."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal([len(found), 6])
    if spec.levels is not None:
        x = rng.integers(0, spec.levels, x.shape)
    x[:, 0] = found
    x = x.reshape(-1, *spec.event_shape).astype(spec.dtype)
    context = None
    if label is not None:
        label = np.asarray(label, np.int32)
        context = label if told else np.full_like(label, -1)
    train = Split(x, context, label=label)
    hidden = None if label is None else np.full_like(label, -1)
    test = Split(x, hidden, label=label)
    return DataSet(spec, train, test, test)


def offered(model, data):
    return offers.offer(model, data)


def found_in(data, count):
    model = Mixture(data.spec, count)
    return categories.Categories.of(offered(model, data), data)


@pytest.fixture
def drawn(monkeypatch):
    """What would be drawn: a dict of the arguments for each name of a file."""
    calls = {}
    for name in ("image_grid", "code_clouds", "confusion_matrix", "stick_figures"):

        def record(path, *arguments, **options):
            calls[path.stem] = {"arguments": arguments, **options}
            return path

        monkeypatch.setattr(pictures, name, record)
    return calls


# Of 10 rows: category 2 is class 0, 1 is 1 and 0 is 2; 3 is left over.
KNOWN = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
FOUND = [2, 2, 2, 1, 1, 1, 0, 0, 0, 3]


class TestOrder:
    def test_categories_are_in_the_order_of_the_best_matching(self):
        assert found_in(dataset(TABLE, FOUND, KNOWN), 4).order == [2, 1, 0, 3]

    def test_others_are_in_the_order_of_their_classes_and_empty_ones_last(self):
        known = [0] * 6 + [1] * 7
        found = [5, 5, 5, 2, 2, 2, 1, 1, 1, 1, 4, 4, 6]
        this = found_in(dataset(TABLE, found, known), 8)
        # 5 or 2 is class 0, and 1 is class 1; 0, 3 and 7 have no row.
        assert this.order[1:] == [1, 7 - this.order[0], 4, 6, 0, 3, 7]
        assert this.order[0] in (2, 5)

    def test_where_labels_were_told_they_are_as_they_are(self):
        this = found_in(dataset(TABLE, FOUND, KNOWN, told=True), 4)
        assert this.order == [0, 1, 2, 3]
        # There is no class 3; most of its rows are of class 2.
        assert this.styles == [0, 1, 2, 12]

    def test_fewer_categories_than_classes(self):
        this = found_in(dataset(TABLE, [1, 1, 0, 0, 0], [3, 3, 0, 1, 0]), 2)
        assert this.order == [0, 1]
        assert this.styles == [0, 3]

    def test_equal_colours_are_equal_classes(self):
        this = found_in(dataset(TABLE, FOUND, KNOWN), 4)
        # Of category 3 all rows are of class 2, which is category 0.
        assert this.styles == [2, 1, 0, 12]

    def test_no_style_is_given_twice(self):
        rng = np.random.default_rng(0)
        known, found = rng.integers(0, 13, 300), rng.integers(0, 40, 300)
        this = found_in(dataset(TABLE, found, known), 40)
        assert len(set(this.styles)) == 40
        assert sorted(this.order) == list(range(40))
        for category, style in enumerate(this.styles):
            if category not in this.matches:
                most = np.bincount(known[found == category]).argmax()
                assert style % 10 == most % 10
                assert style >= 13


@pytest.mark.parametrize("told", [False, True])
def test_confusion_is_counted_as_by_scikit_learn(drawn, tmp_path, told):
    rng = np.random.default_rng(1)
    known = rng.integers(0, 5, 200)
    found = np.where(rng.random(200) < 0.7, (known + 2) % 5, rng.integers(0, 5, 200))
    data = dataset(TABLE, found, known, told=told)
    path = tmp_path / "confusion.png"
    offer = offered(Mixture(TABLE, 5), data)
    assert categories.confusion(path, offer, data) == path
    picture = drawn["confusion"]
    order = [0, 1, 2, 3, 4] if told else [2, 3, 4, 0, 1]
    (counts,) = picture["arguments"]
    np.testing.assert_array_equal(counts, confusion_matrix(known, found)[:, order])
    assert picture["row_labels"] == ["0", "1", "2", "3", "4"]
    assert picture["column_labels"] == [str(k) for k in order]
    assert sorted(picture["hits"]) == [(k, k) for k in range(5)]
    if told:
        accuracy = np.mean(known == found)
        expected = f"table: accuracy {accuracy:.1%} (200 test rows)"
    else:
        accuracy = np.mean((known + 2) % 5 == found)
        expected = f"table: accuracy by the best matching {accuracy:.1%}"
    assert picture["title"].startswith(expected)


def test_categories_without_a_class_have_columns_too(drawn, tmp_path):
    data = dataset(TABLE, FOUND, KNOWN)
    offer = offered(Mixture(TABLE, 6), data)
    categories.confusion(tmp_path / "confusion.png", offer, data)
    (counts,) = drawn["confusion"]["arguments"]
    assert drawn["confusion"]["column_labels"] == ["2", "1", "0", "3", "4", "5"]
    expected = [[3, 1, 0, 0, 0, 0], [0, 2, 1, 0, 0, 0], [0, 0, 2, 1, 0, 0]]
    np.testing.assert_array_equal(counts, expected)
    assert "70.0% (10 test rows)" in drawn["confusion"]["title"]


class TestClasses:
    def test_a_row_a_category_from_the_same_noise(self, drawn, tmp_path):
        data = dataset(IMAGES, FOUND, KNOWN)
        offer = offered(Mixture(IMAGES, 5), data)
        categories.classes(tmp_path / "classes.png", offer, data)
        (images,) = drawn["classes"]["arguments"]
        images = images.reshape(5, 10, 6) * 16
        noise = 0.1 * random.normal(random.row_seeds(0, tf.range(10)), [2]).numpy()
        for category in range(5):
            codes = images[category, :, 1:3]
            np.testing.assert_allclose(codes, noise + 2 * category, rtol=1e-5)
        assert drawn["classes"]["columns"] == 10
        assert drawn["classes"]["row_labels"] == [
            "0: mostly 2 (67%)",
            "1: mostly 1 (67%)",
            "2: mostly 0 (100%)",
            "3: mostly 2 (100%)",
            "4: no test row",
        ]
        title = "greys: decoder means of draws from each category"
        assert drawn["classes"]["title"].startswith(title)

    def test_data_without_labels(self, drawn, tmp_path):
        data = dataset(IMAGES, FOUND)
        offer = offered(Mixture(IMAGES, 4), data)
        categories.classes(tmp_path / "classes.png", offer, data)
        labels = [f"{k}: {share} of test rows" for k, share in enumerate(SHARES)]
        assert drawn["classes"]["row_labels"] == labels

    def test_of_many_categories_those_with_most_rows(self, drawn, tmp_path):
        found = [*range(2, 25)] * 2 + [0]
        data = dataset(IMAGES, found)
        offer = offered(Mixture(IMAGES, 26), data)
        categories.classes(tmp_path / "classes.png", offer, data)
        assert len(drawn["classes"]["arguments"][0]) == 200
        labels = drawn["classes"]["row_labels"]
        assert [int(label.partition(":")[0]) for label in labels] == [*range(2, 22)]
        assert (
            "20 of 26 categories, those of most test rows" in drawn["classes"]["title"]
        )


SHARES = ("30%", "30%", "30%", "10%")


class TestCodes:
    @staticmethod
    def picture(drawn, tmp_path, data, count, codes):
        offer = offered(Mixture(data.spec, count, codes), data)
        path = tmp_path / "codes.png"
        assert categories.codes(path, offer, data) == path
        return drawn["codes"]

    def test_two_codes_are_the_plane(self, drawn, tmp_path):
        data = dataset(TABLE, FOUND, KNOWN)
        picture = self.picture(drawn, tmp_path, data, 4, 2)
        codes, (by_class, by_category) = picture["arguments"]
        np.testing.assert_array_equal(codes, data.test.x[:, 1:3])
        np.testing.assert_array_equal(by_class.labels, KNOWN)
        np.testing.assert_array_equal(by_category.labels, FOUND)
        assert by_category.styles == [2, 1, 0, 12]
        expected = 2.0 * np.arange(4)[:, None] + np.zeros(2)
        np.testing.assert_allclose(picture["centres"], expected, atol=0.01)
        assert picture["names"] == ("z1", "z2")
        assert picture["title"] == "table: posterior means of 10 test rows"

    def test_discriminants_are_those_of_scikit_learn(self, drawn, tmp_path):
        found = np.arange(90) % 3
        data = dataset(TABLE, found, found)
        data.test.x[:, 1:] += 3 * np.eye(3, 5)[found] + [1.0, -2, 0, 0, 0]
        picture = self.picture(drawn, tmp_path, data, 3, 5)
        z = data.test.x[:, 1:].astype(float)
        fitted = LinearDiscriminantAnalysis(n_components=2).fit(z, found)
        expected, actual = fitted.transform(z), picture["arguments"][0]
        for one, other in zip(expected.T, actual.T, strict=True):
            assert abs(np.corrcoef(one, other)[0, 1]) == pytest.approx(1, abs=1e-6)
        assert "two linear discriminants of the model's categories" in picture["title"]
        # Where the components' means are among the codes.
        middle = expected.mean(axis=0) - fitted.transform(np.zeros([1, 5]))
        ones = fitted.transform(np.ones([2, 5])) - fitted.transform(np.zeros([2, 5]))
        signs = np.sign(np.sum(expected * actual, axis=0))
        scale = np.linalg.norm(actual, axis=0) / np.linalg.norm(
            expected - expected.mean(axis=0), axis=0
        )
        places = 2.0 * np.arange(3)[:, None] * ones[0] - middle
        np.testing.assert_allclose(
            picture["centres"], places * signs * scale, atol=0.05
        )

    def test_principal_components_without_categories(self, drawn, tmp_path):
        model = Mixture(TABLE, 4, codes=4)
        data = dataset(TABLE, FOUND * 5, KNOWN * 5)
        offer = {k: s for k, s in offered(model, data).items() if k != "classify"}
        categories.codes(tmp_path / "codes.png", offer, data)
        codes, (panel,) = drawn["codes"]["arguments"]
        fitted = PCA(2).fit(data.test.x[:, 1:5])
        expected = fitted.transform(data.test.x[:, 1:5])
        np.testing.assert_allclose(np.abs(codes), np.abs(expected), atol=1e-5)
        share = fitted.explained_variance_ratio_.sum()
        assert f"components ({share:.0%} of the variance)" in drawn["codes"]["title"]
        assert drawn["codes"]["centres"] is None
        np.testing.assert_array_equal(panel.labels, data.test.label)

    def test_principal_components_of_less_than_three_categories(self, drawn, tmp_path):
        data = dataset(TABLE, [0, 1] * 20)
        picture = self.picture(drawn, tmp_path, data, 4, 3)
        assert "two principal components" in picture["title"]
        assert len(picture["arguments"][1]) == 1
        assert picture["centres"].shape == (4, 2)

    def test_collapsed_codes_have_a_place(self, drawn, tmp_path):
        for found in (FOUND, [0] * 10):
            data = dataset(TABLE, found, KNOWN)
            data.test.x[:, 1:] = 1.0
            codes, _ = self.picture(drawn, tmp_path, data, 4, 3)["arguments"]
            np.testing.assert_array_equal(codes, np.zeros([10, 2]))

    def test_a_direction_does_not_flip(self):
        axes = np.array([[9.0, -1.0, 2.0], [9.0, 3.0, -5.0], [9.0, -4.0, 1.0]])
        expected = [[-2.0, 1.0], [5.0, -3.0], [-1.0, 4.0]]
        np.testing.assert_array_equal(categories._oriented(axes), expected)

    def test_a_part_of_many_rows_keeps_its_labels(self, drawn, tmp_path, monkeypatch):
        monkeypatch.setattr(categories, "_MOST_CODES", 20)
        found = np.arange(50) % 4
        data = dataset(TABLE, found, 3 - found)
        picture = self.picture(drawn, tmp_path, data, 4, 2)
        codes, (by_class, by_category) = picture["arguments"]
        assert codes.shape == (20, 2)
        rows = {tuple(x[1:3]): x[0] for x in data.test.x}
        kept = [rows[tuple(code)] for code in codes]
        np.testing.assert_array_equal(by_category.labels, kept)
        np.testing.assert_array_equal(by_class.labels, 3 - by_category.labels)


class TestSkeletons:
    def test_a_window_its_mean_and_a_row_a_category(self, drawn, tmp_path):
        data = dataset(BODIES, FOUND, KNOWN)
        offer = offered(Mixture(BODIES, 4), data)
        categories.skeletons(tmp_path / "skeletons.png", offer, data)
        picture = drawn["skeletons"]
        windows, parents = picture["arguments"]
        assert windows.shape == (6, 1, 2, 3)
        assert parents == (0, 0)
        x = data.test.x[0].ravel()
        np.testing.assert_array_equal(windows[0].ravel(), x)
        np.testing.assert_allclose(windows[1].ravel(), [0, x[1], x[2], 0, 0, 0])
        noise = 0.1 * random.normal(random.row_seeds(0, tf.range(1)), [2]).numpy()[0]
        for category in range(4):
            codes = windows[2 + category].ravel()[1:3]
            np.testing.assert_allclose(codes, noise + 2 * category, rtol=1e-5)
        assert picture["row_labels"][:3] == ["test", "mean", "0: mostly 2 (67%)"]
        assert picture["title"].startswith("bodies: a test window, the decoder mean")

    def test_pairs_without_categories(self, drawn, tmp_path):
        data = dataset(BODIES, FOUND)
        offer = dict(offered(Mixture(BODIES, 4), data))
        del offer["classify"]
        categories.skeletons(tmp_path / "skeletons.png", offer, data)
        windows, _ = drawn["skeletons"]["arguments"]
        np.testing.assert_array_equal(windows[::2], data.test.x[[0, 3, 6, 9]])
        means = windows[1::2].reshape(4, 6)[:, 1:3]
        np.testing.assert_allclose(means, data.test.x.reshape(-1, 6)[[0, 3, 6, 9], 1:3])
        assert drawn["skeletons"]["row_labels"] == ["test", "mean"] * 4


ALL = ["codes", "classes", "confusion", "skeletons"]
WHICH = {
    "images with labels": (IMAGES, True, ["codes", "classes", "confusion"]),
    "images without": (IMAGES, False, ["codes", "classes"]),
    "a table with labels": (TABLE, True, ["codes", "confusion"]),
    "a table without": (TABLE, False, ["codes"]),
    "skeletons with labels": (BODIES, True, ["codes", "confusion", "skeletons"]),
}


@pytest.mark.parametrize("name", WHICH)
def test_which_pictures_there_are(drawn, tmp_path, name):
    spec, has_labels, names = WHICH[name]
    data = dataset(spec, FOUND, KNOWN if has_labels else None)
    offer = offered(Mixture(spec, 4), data)
    for picture in ALL:
        path = latents.PICTURES[picture](tmp_path / f"{picture}.png", offer, data)
        assert (path is not None) == (picture in names)
    assert list(drawn) == names


def test_samples_of_unnamed_categories_are_of_any(drawn, tmp_path):
    context = ContextSpec((), "int32", 3, optional=True)
    spec = dataclasses.replace(IMAGES, context=context)
    model = Mixture(spec, 4)
    for told, contexts in ((False, [-1] * 30), (True, [0, 1, 2] * 10)):
        data = dataset(spec, FOUND, KNOWN, told=told)
        given = showing.picture_contexts(data, 30)
        np.testing.assert_array_equal(given, contexts)
        samples = np.zeros([30, 2, 3], "uint8")
        showing.draw_picture(tmp_path / "a.png", model, data, samples, given)
        labels = ["0", "1", "2"] if told else None
        assert drawn["a"].get("row_labels") == labels
        means = drawn["a"]["arguments"][0] * 16
        place = np.repeat([0, 2, 4], 10) if told else np.full(30, -2)
        np.testing.assert_allclose(means[:, 0, 1], place, atol=0.5)


def test_samples_of_skeletons_of_any_category_have_no_label(drawn, tmp_path):
    data = dataset(BODIES, FOUND)
    windows = np.zeros([30, 1, 2, 3], "float32")
    unknown = offers.unknown(30)
    showing.draw_picture(tmp_path / "a.png", None, data, windows, unknown)
    assert drawn["a"]["row_labels"] is None
    assert len(drawn["a"]["arguments"][0]) == 10


def test_pictures_of_a_real_model_are_written(tmp_path):
    spec = dataclasses.replace(IMAGES, levels=2, num_train=40)
    x = np.random.default_rng(0).integers(0, 2, [40, 2, 3]).astype("uint8")
    data = DataSet(spec, *[Split(x)] * 3)
    model = gmvae.build(spec, num_categories=4, latents=3, hidden_units=(4,))
    drawn = latents.draw_pictures(tmp_path, model, data)
    names = ["reconstructions", "interpolation", "codes", "classes"]
    assert drawn == [tmp_path / f"{name}.png" for name in names]
    assert all(path.stat().st_size > 1_000 for path in drawn)
    # The components' means are those of the prior.
    codes = categories._draws(offers.offer(model, data), "z", range(4), 2000)
    loc = model.prior.joint(temperature=1.0).loc
    np.testing.assert_allclose(codes.mean(axis=1), loc, atol=0.08)
    samples = model.sample(20).numpy()
    path = showing.draw_picture(tmp_path / "a.png", model, data, samples)
    assert path.stat().st_size > 1_000
