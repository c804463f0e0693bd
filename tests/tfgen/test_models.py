"""Generative models: their numbers, their training and their samples."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfgen
from tfgen import DensityModel, Dequantized, DistributionLayer, GenerativeModel
from tfgen.distributions import (
    Autoregressive,
    Bernoulli,
    Flow,
    Gaussian,
    Logistic,
    Mixture,
    StandardNormal,
)
from tfgen.flows import ActNorm, Flatten, MaskedAutoregressive, Scale, Standardize
from tfgen.networks import MADE, MLP, Normalize, OneHot
from tfgen.objectives import MaximumLikelihood

ROWS = 24


class Uniform(DistributionLayer):
    """Uniform on `(0, high)` in every coordinate."""

    def __init__(self, event_shape, high, **kwargs):
        super().__init__(event_shape, **kwargs)
        self.high = high

    def distribution(self, context=None):
        low = tf.zeros(self.event_shape, self.compute_dtype)
        uniform = tfd.Uniform(low, low + self.high)
        return tfd.Independent(uniform, len(self.event_shape))

    def sample(self, seeds, context=None):
        return self.high * tfgen.random.uniform(seeds, self.event_shape)


class Case(NamedTuple):
    """A model, and inputs for it."""

    make: Callable[[], GenerativeModel]
    inputs: Callable[[np.random.Generator], dict[str, np.ndarray]]


def continuous(rng):
    return {"x": rng.normal(2.0, 3.0, [ROWS, 2]).astype(np.float32)}


def conditional(rng):
    return {**continuous(rng), "context": rng.normal(size=[ROWS, 3]).astype(np.float32)}


def pixels(rng):
    return {"x": rng.integers(0, 8, [ROWS, 2, 2]).astype(np.uint8)}


def labelled(rng):
    return {**pixels(rng), "context": rng.integers(-1, 3, [ROWS]).astype(np.int32)}


def table(rng):
    steps = rng.integers(0, 5, ROWS) * 0.1 - 0.2
    x = np.stack([rng.normal(size=ROWS), steps], axis=-1)
    return {"x": x.astype(np.float32)}


def bits(rng):
    return {"x": (rng.random([ROWS, 3]) < 0.8).astype(np.float32)}


def images(**options):
    return tfgen.maf(
        [2, 2],
        num_steps=2,
        hidden_units=[8],
        preprocessing=[Scale([2, 2], 1 / 8)],
        **options,
    )


MODELS = {
    "maf": Case(
        lambda: DensityModel(tfgen.maf([2], num_steps=2, hidden_units=[8])), continuous
    ),
    "mixture": Case(lambda: DensityModel(Mixture([2], 3)), continuous),
    "conditional nsf": Case(
        lambda: DensityModel(
            tfgen.nsf([2], num_steps=2, hidden_units=[8], context_features=3)
        ),
        conditional,
    ),
    "conditional mixture": Case(
        lambda: DensityModel(Mixture([2], 3, network=MLP(3, [8], 15))), conditional
    ),
    "made": Case(
        lambda: DensityModel(Autoregressive(Bernoulli([3], MADE(3, 1, [8])))), bits
    ),
    "pixels": Case(lambda: Dequantized(images(), levels=8), pixels),
    "labelled pixels": Case(
        lambda: Dequantized(
            images(context_features=3, context_network=OneHot(3)), levels=8
        ),
        labelled,
    ),
    "table": Case(
        lambda: Dequantized(
            tfgen.realnvp([2], num_steps=2, hidden_units=[8]),
            steps=[0.0, 0.1],
            offsets=[0.0, -0.2],
        ),
        table,
    ),
}
EVERY = pytest.mark.parametrize("name", MODELS)
FLOWS = pytest.mark.parametrize(
    "name", [n for n in MODELS if "mixture" not in n and n != "made"]
)


def make(name, randomize=lambda layer: layer, optimizer="sgd", **options):
    """A compiled model with inputs, seeds among them; without XLA unless told so."""
    model = randomize(MODELS[name].make())
    model.compile(optimizer, **{"jit_compile": False, **options})
    inputs = MODELS[name].inputs(np.random.default_rng(0))
    seeds = tfgen.random.row_seeds(0, tf.range(ROWS)).numpy()
    return model, {**inputs, "seed": seeds}


def take(inputs, rows):
    return {key: value[rows] for key, value in inputs.items()}


def terms(model, inputs):
    """The first term of every row, as an array."""
    return model(inputs)[model.term_names[0]].numpy()


# What a model says.


@EVERY
def test_a_model_gives_one_finite_number_an_example(name, randomize):
    model, inputs = make(name, randomize)
    assert model.kind == ("exact" if isinstance(model, DensityModel) else "lower_bound")
    answers = model(inputs)
    assert tuple(answers) == model.term_names
    for answer in answers.values():
        assert answer.shape == (ROWS,)
        assert np.all(np.isfinite(answer))
    assert terms(model, take(inputs, slice(0, 0))).shape == (0,)


@EVERY
def test_log_prob_and_elbo_are_the_terms(name, randomize):
    model, inputs = make(name, randomize)
    context = inputs.get("context")
    if isinstance(model, DensityModel):
        answers = model.log_prob(inputs["x"], context)
    else:
        answers = model.elbo(inputs["x"], context, seed=0)
    np.testing.assert_allclose(answers, terms(model, inputs), rtol=1e-5)


@EVERY
def test_terms_of_a_row_are_its_own(name, randomize):
    model, inputs = make(name, randomize)
    expected = terms(model, inputs)
    for rows in (slice(3, 4), slice(10, 17), slice(None, None, -1)):
        part = terms(model, take(inputs, rows))
        np.testing.assert_allclose(part, expected[rows], rtol=1e-5, atol=1e-5)
    if inputs["x"].dtype == np.float32:
        broken = {**inputs, "x": inputs["x"].copy()}
        broken["x"][5] = np.nan
        others = np.arange(ROWS) != 5
        np.testing.assert_array_equal(terms(model, broken)[others], expected[others])


@EVERY
def test_the_tape_watches_what_keras_trains(name, randomize):
    # Variables of other objects would be trained by nobody and saved nowhere.
    model, inputs = make(name, randomize)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs)[model.term_names[0]])
    watched = {variable.ref() for variable in tape.watched_variables()}
    trained = {weight.value.ref() for weight in model.trainable_variables}
    assert watched == trained
    assert len(trained) > 0
    for gradient in tape.gradient(loss, model.trainable_weights):
        assert gradient is not None


@EVERY
def test_numbers_do_not_depend_on_the_batch_size(name, randomize):
    model, inputs = make(name, randomize, run_eagerly=True)
    (term,) = model.term_names
    expected = terms(model, inputs)
    # Three batches of 7 rows, and one of 3.
    answers = model.evaluate(inputs, batch_size=7, verbose=0, return_dict=True)
    assert list(answers) == [term]
    # Keras 3.12 answers with tensors.
    assert float(answers[term]) == pytest.approx(expected.mean(), rel=1e-5)
    rows = model.predict(inputs, batch_size=7, verbose=0)
    np.testing.assert_allclose(rows[term], expected, rtol=1e-5, atol=1e-5)


@EVERY
def test_rows_of_weight_zero_are_padding(name, randomize):
    model, inputs = make(name, randomize, run_eagerly=True)
    (term,) = model.term_names
    weights = np.repeat([1.0, 0.0], [17, ROWS - 17]).astype(np.float32)
    # Keras drops weights that come without targets, so they stand in for these too.
    padded = model.evaluate(
        inputs,
        weights,
        sample_weight=weights,
        batch_size=8,
        verbose=0,
        return_dict=True,
    )
    expected = terms(model, take(inputs, slice(0, 17))).mean()
    assert list(padded) == [term]
    assert float(padded[term]) == pytest.approx(expected, rel=1e-5)


def test_rows_of_weight_zero_teach_nothing(randomize):
    whole, inputs = make("maf", randomize, run_eagerly=True)
    padded, _ = make("maf", randomize, run_eagerly=True)
    padded.set_weights(whole.get_weights())
    inputs = take(inputs, slice(0, 10))
    whole.train_on_batch(take(inputs, slice(0, 6)))
    weights = np.repeat([2.0, 0.0], [6, 4]).astype(np.float32)
    padded.train_on_batch(inputs, sample_weight=weights)
    for a, b in zip(whole.get_weights(), padded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


# Noise.


@pytest.mark.parametrize("name", ["pixels", "table"])
def test_noise_follows_seed_step_and_row(name, randomize):
    model, inputs = make(name, randomize)
    x = np.repeat(inputs["x"][:1], 4, axis=0)
    first = terms(model, x)
    assert len(np.unique(first)) == 4
    np.testing.assert_array_equal(terms(model, x), first)
    np.testing.assert_array_equal(terms(model, {"x": x}), first)
    model.optimizer.iterations.assign_add(1)
    assert np.all(terms(model, x) != first)
    model.optimizer.iterations.assign(0)
    model.noise_seed = 1
    assert np.all(terms(model, x) != first)
    seeded = {"x": x, "seed": np.array([5, 5, 6, 5], np.int32)}
    a, b, c, d = terms(model, seeded)
    assert a == b == d != c


@EVERY
def test_samples_are_like_data_and_follow_their_seed(name, randomize):
    model, inputs = make(name, randomize)
    context = inputs.get("context")
    samples = model.sample(ROWS, seed=3, context=context)
    assert samples.shape == inputs["x"].shape
    assert np.all(np.isfinite(samples))
    again = model.sample(ROWS, seed=3, context=context)
    np.testing.assert_array_equal(samples, again)
    other = model.sample(ROWS, seed=4, context=context)
    assert np.any(samples != other)
    fewer = model.sample(5, seed=3, context=None if context is None else context[:5])
    np.testing.assert_allclose(fewer, samples[:5], rtol=1e-4, atol=1e-4)
    none = model.sample(0, context=None if context is None else context[:0])
    assert none.shape == (0, *model.event_shape)


def test_samples_of_pixels_are_levels(randomize):
    model, _ = make("pixels", lambda layer: randomize(layer, stddev=2.0))
    samples = model.sample(200).numpy()
    assert samples.dtype == np.int32
    assert samples.min() == 0
    assert samples.max() == 7


def test_samples_of_tables_are_on_their_grid(randomize):
    model, _ = make("table", randomize)
    samples = model.sample(200).numpy()
    cells = (samples[:, 1] + 0.2) / 0.1
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-3)
    assert len(np.unique(np.round(cells))) > 3
    # The other feature is continuous.
    assert len(np.unique(samples[:, 0])) == 200


def test_samples_of_the_model_are_drawn_from_its_distribution(randomize):
    # With cells of a whole unit: P(x) is the mass between x and x + 1.
    density = Flow(Logistic([1]), [randomize(ActNorm([1]))])
    model = Dequantized(density, steps=[1.0], offsets=[0.0])
    samples = model.sample(4000).numpy()[:, 0]
    z = density.distribution().inverse(tf.constant([[-1.0], [0.0], [1.0], [2.0]]))
    below = scipy.stats.logistic.cdf(z)[:, 0]
    for value, probability in zip([-1, 0, 1], np.diff(below), strict=True):
        count = int(np.sum(samples == value))
        assert scipy.stats.binomtest(count, 4000, probability).pvalue > 1e-5


# Exact answers.


@pytest.mark.parametrize("event_shape", [[1], [3], [4, 4, 1]])
def test_uniform_pixels_have_eight_bits(event_shape):
    model = Dequantized(Uniform(event_shape, 256.0), levels=256)
    x = np.random.default_rng(0).integers(0, 256, [50, *event_shape])
    x[0], x[1] = 0, 255
    nats = model.elbo(x.astype(np.uint8))
    np.testing.assert_allclose(
        tfgen.metrics.bits_per_dim(nats, event_shape), np.full(50, 8.0), rtol=1e-6
    )


def test_the_unit_of_the_density_does_not_change_the_bits():
    density = Flow(Uniform([12], 1.0), [Flatten([2, 6]), Scale([12], 1 / 256)])
    x = np.random.default_rng(0).integers(0, 256, [20, 2, 6])
    nats = Dequantized(density, levels=256).elbo(x)
    bits = tfgen.metrics.bits_per_dim(nats, [2, 6])
    np.testing.assert_allclose(bits, np.full(20, 8.0), rtol=1e-6)


CELLS = {
    "levels": ({"levels": 8}, 1.0, 0.0),
    "steps": ({"steps": [0.5], "offsets": [-1.0]}, 0.5, -1.0),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("base", ["normal", "logistic"])
def test_the_bound_is_below_log_p_and_tight_in_the_mean_of_exp(name, base):
    arguments, step, offset = CELLS[name]
    loc, scale = 2.0, 1.5
    standardize = Standardize([1])
    standardize.set_weights([np.array([loc]), np.array([scale])])
    layer, oracle = {
        "normal": (StandardNormal, scipy.stats.norm),
        "logistic": (Logistic, scipy.stats.logistic),
    }[base]
    model = Dequantized(Flow(layer([1]), [standardize]), **arguments)
    values, draws = offset + step * np.arange(8), 4000
    elbo = model.elbo(np.repeat(values, draws)[:, np.newaxis].astype(np.float32))
    elbo = elbo.numpy().reshape([8, draws]).astype(float)
    edges = (np.append(values, values[-1] + step) - loc) / scale
    exact = np.log(np.diff(oracle.cdf(edges)))
    standard_error = elbo.std(axis=1) / np.sqrt(draws)
    gap = exact - elbo.mean(axis=1)
    assert np.all(gap > -4 * standard_error)
    assert gap.mean() > standard_error.mean()
    unbiased = scipy.special.logsumexp(elbo, axis=1) - np.log(draws)
    np.testing.assert_allclose(unbiased, exact, atol=0.03)


def test_continuous_features_of_a_table_are_left_alone():
    density = Flow(StandardNormal([2]), [])
    model = Dequantized(density, steps=[0.0, 0.1], offsets=[0.0, 0.0])
    x = np.zeros([500, 2], np.float32)
    x[:, 0] = np.linspace(-2, 2, 500)
    rest = model.elbo(x).numpy() - scipy.stats.norm.logpdf(x[:, 0])
    expected = np.log(0.1) + scipy.stats.norm.logpdf([0.0, 0.1])
    assert np.all(rest <= expected[0] + 1e-5)
    assert np.all(rest >= expected[1] - 1e-5)


# Noise and back.


@FLOWS
def test_decode_inverts_encode(name, randomize):
    model, inputs = make(name, randomize)
    x, context = inputs["x"], inputs.get("context")
    z = model.encode(x, context)
    assert z.shape == (ROWS, int(np.prod(model.event_shape)))
    atol = 0 if x.dtype == np.uint8 else 1e-3
    np.testing.assert_allclose(model.decode(z, context), x, atol=atol)


def test_only_flows_encode_and_decode():
    model = DensityModel(Mixture([2], 3))
    for method in (model.encode, model.decode):
        with pytest.raises(TypeError, match="received a Mixture"):
            method(np.zeros([1, 2], np.float32))
    with pytest.raises(TypeError, match="received a Uniform"):
        Dequantized(Uniform([1], 8.0), levels=8).encode(np.zeros([1, 1]))


# Training.


@pytest.mark.parametrize("name", ["mixture", "made", "labelled pixels"])
def test_fit_lowers_the_loss_and_changes_every_weight(name, randomize):
    model, inputs = make(name, optimizer=keras.optimizers.Adam(0.02))
    # Away from zero, so that every gradient is there from the first step.
    randomize(model, stddev=0.1)
    before = model.get_weights()
    inputs.pop("seed")
    history = model.fit(inputs, epochs=12, batch_size=8, shuffle=False, verbose=0)
    assert set(history.history) == {"loss", *model.term_names}
    losses = history.history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(
        losses, -np.array(history.history[model.term_names[0]]), rtol=1e-4
    )
    assert model.first_non_finite.failure() is None
    trainable = {id(weight) for weight in model.trainable_weights}
    for weight, old in zip(model.weights, before, strict=True):
        assert np.any(weight.numpy() != old) == (id(weight) in trainable)


def test_fit_takes_a_plain_array_under_xla_and_several_steps_at_once():
    model = Dequantized(tfgen.realnvp([2], num_steps=1, hidden_units=[4]), levels=8)
    model.compile("adam", jit_compile=True, steps_per_execution=2)
    x = np.random.default_rng(0).integers(0, 8, [ROWS, 2]).astype(np.uint8)
    history = model.fit(x, batch_size=6, validation_data=x, epochs=2, verbose=0).history
    assert set(history) == {"loss", "elbo", "val_elbo"}
    assert np.all(np.isfinite(history["loss"]))
    assert model.optimizer.iterations == 8


def test_fit_reports_the_true_term_whatever_the_objective():
    class Half(MaximumLikelihood):
        """Half of what maximum likelihood minimises."""

        def __call__(self, model, inputs, seeds, step):
            losses, terms = super().__call__(model, inputs, seeds, step)
            return 0.5 * losses, terms

    model = DensityModel(StandardNormal([1]), objective=Half())
    model.compile("sgd", jit_compile=False)
    # Nothing to train, so the optimiser warns; the logs are what counts.
    logs = model.test_on_batch(np.zeros([4, 1], np.float32), return_dict=True)
    assert logs["log_prob"] == pytest.approx(-0.5 * np.log(2 * np.pi))
    losses, _ = model.objective(model, {"x": tf.zeros([4, 1])}, tf.range(4), 0)
    np.testing.assert_allclose(losses, 0.25 * np.log(2 * np.pi), rtol=1e-6)


def test_penalties_of_layers_are_part_of_the_loss():
    network = keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(4, kernel_regularizer="l2")]
    )
    model = DensityModel(Gaussian([2], network))
    model.compile("sgd", jit_compile=False)
    inputs = conditional(np.random.default_rng(0))
    penalty = float(network.losses[0])
    assert penalty > 0.01
    logs = model.train_on_batch(inputs, return_dict=True)
    assert logs["loss"] == pytest.approx(penalty - logs["log_prob"], rel=1e-5)


def test_a_bad_step_is_named_and_leaves_weights_finite():
    # Several steps at once: what went wrong is seen late, but not lost.
    model, inputs = make("maf", optimizer="adam", steps_per_execution=3)
    assert model.first_non_finite.failure() is None
    x = inputs["x"].copy()
    x[17] = np.nan  # In the fifth batch of six.
    with_nan = model.fit(x, batch_size=4, shuffle=False, verbose=0)
    assert np.isnan(with_nan.history["loss"][0])
    assert model.first_non_finite.failure() == (4, "log_prob")
    assert model.optimizer.iterations == 6
    assert all(np.all(np.isfinite(weight)) for weight in model.get_weights())
    # Training goes on, and what came first stays written down.
    x[17] = 0.0
    before = model.get_weights()
    good = model.fit(x, batch_size=4, shuffle=False, verbose=0)
    assert np.isfinite(good.history["loss"][0])
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    x[0] = np.inf
    model.fit(x, batch_size=4, shuffle=False, verbose=0)
    assert model.first_non_finite.failure() == (4, "log_prob")


def test_a_bad_step_of_plain_gradient_descent_changes_no_weight():
    model, inputs = make("maf", run_eagerly=True)
    before = model.get_weights()
    inputs["x"][3] = np.nan
    model.train_on_batch(inputs)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("loss_scale", [None, 8.0])
@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
def test_gradients_are_clipped_to_their_global_norm(share, loss_scale, randomize):
    model = DensityModel(randomize(tfgen.maf([2], num_steps=1, hidden_units=[4])))
    optimizer = keras.optimizers.SGD(0.1, loss_scale_factor=loss_scale)
    model.compile(optimizer, run_eagerly=True)
    x = continuous(np.random.default_rng(0))["x"]
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(model.log_prob(x))
    gradients = tape.gradient(loss, model.trainable_weights)
    norm = float(tf.linalg.global_norm(gradients))
    model.clip_norm = share * norm
    before = [weight.numpy() for weight in model.trainable_weights]
    model.train_on_batch(x)
    factor = 0.1 * (0.5 if share == 0.5 else 1.0)
    for old, new, gradient in zip(
        before, model.trainable_weights, gradients, strict=True
    ):
        np.testing.assert_allclose(new, old - factor * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [-1.0, np.inf, np.nan])
def test_norms_to_clip_to_are_finite_and_not_negative(value):
    model = DensityModel(StandardNormal([2]))
    with pytest.raises(ValueError, match=f"received clip_norm={value}"):
        model.clip_norm = value


def test_the_norm_can_be_changed_and_is_saved(tmp_path):
    model, inputs = make("maf", jit_compile=False)
    model.fit(inputs["x"], batch_size=4, verbose=0)
    model.clip_norm = 1e-9
    before = model.get_weights()
    model.fit(inputs["x"], batch_size=4, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").clip_norm == 1e-9


class Broken(MaximumLikelihood):
    """An objective that is fine in value or in gradient, but not in both."""

    def __init__(self, what="loss"):
        self.what = what

    def __call__(self, model, inputs, seeds, step):
        losses, terms = super().__call__(model, inputs, seeds, step)
        if self.what == "loss":
            return losses / 0.0, terms
        return losses + tf.sqrt(0.0 * losses), terms


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_failed_is_named(what):
    density = tfgen.maf([2], num_steps=1, hidden_units=[4])
    model = DensityModel(density, objective=Broken(what))
    model.compile("sgd", run_eagerly=True)
    model.train_on_batch(continuous(np.random.default_rng(0)))
    assert model.first_non_finite.failure() == (0, what)
    assert all(np.all(np.isfinite(weight)) for weight in model.get_weights())


def test_a_hundred_steps_trace_once(randomize):
    traces = []

    class Counted(MaximumLikelihood):
        """Writes down each trace."""

        def __call__(self, model, inputs, seeds, step):
            traces.append(step)
            return super().__call__(model, inputs, seeds, step)

    density = tfgen.realnvp([2], num_steps=1, hidden_units=[4])
    model = DensityModel(density, objective=Counted())
    model.compile("sgd", jit_compile=False)
    data = continuous(np.random.default_rng(0))["x"][:20]
    model.fit(data, batch_size=4, epochs=20, verbose=0)
    assert model.optimizer.iterations == 100
    assert len(traces) <= 2


# Starting from data.


def far(rng, rows=200):
    return rng.normal([100.0, -3.0], [0.1, 20.0], [rows, 2]).astype(np.float32)


@pytest.mark.parametrize("preprocessing", [[], [Standardize([2])]])
@pytest.mark.parametrize(
    "builder", [tfgen.maf, tfgen.iaf, tfgen.realnvp, tfgen.nice, tfgen.nsf]
)
def test_adapt_makes_noise_standard(builder, preprocessing):
    model = DensityModel(
        builder([2], num_steps=2, hidden_units=[4], preprocessing=preprocessing)
    )
    x = far(np.random.default_rng(0))
    model.adapt(x)
    z = model.encode(x).numpy()
    np.testing.assert_allclose(z.mean(axis=0), [0, 0], atol=2e-3)
    np.testing.assert_allclose(z.std(axis=0), [1, 1], atol=2e-3)


def test_adapt_starts_scales_of_data_and_nothing_else(randomize):
    layers = [
        Standardize([2]),
        MaskedAutoregressive([2], [4], context_features=3),
        ActNorm([2]),
    ]
    model = DensityModel(Flow(StandardNormal([2]), layers, Normalize(3)))
    randomize(layers[1])
    before = model.get_weights()
    inputs = conditional(np.random.default_rng(0))
    model.adapt(inputs["x"], inputs["context"])
    changed = {
        weight.path
        for weight, old in zip(model.weights, before, strict=True)
        if np.any(weight.numpy() != old)
    }
    started = [*layers[0].weights, *layers[2].weights]
    started += model.distribution.context_network.weights
    assert changed == {weight.path for weight in started}
    z = model.encode(**inputs).numpy()
    np.testing.assert_allclose(z.mean(axis=0), [0, 0], atol=1e-3)
    np.testing.assert_allclose(z.std(axis=0), [1, 1], atol=1e-3)


def test_adapt_sees_the_noise_of_discrete_data():
    model = Dequantized(Flow(StandardNormal([1]), [Standardize([1])]), levels=4)
    model.adapt(np.full([5000, 1], 2, np.uint8))
    loc, scale = (float(weight[0]) for weight in model.get_weights())
    assert loc == pytest.approx(2.5, abs=0.02)
    assert scale == pytest.approx(np.sqrt(1 / 12), abs=0.01)


@pytest.mark.parametrize(("limit", "value"), [("ROWS", 50), ("NUMBERS", 101)])
def test_adapt_looks_at_a_seeded_part_of_large_data(limit, value, monkeypatch):
    monkeypatch.setattr(f"tfgen.base.ADAPT_{limit}", value)
    model = DensityModel(Flow(StandardNormal([2]), [Standardize([2])]))
    x = far(np.random.default_rng(0))
    locations = []
    for seed in (0, 0, 1):
        model.adapt(x, seed=seed)
        locations.append(model.get_weights()[0])
    np.testing.assert_array_equal(locations[0], locations[1])
    assert np.all(locations[0] != locations[2])
    assert np.all(locations[0] != x.mean(axis=0))
    order = np.random.default_rng(0).choice(np.arange(len(x)), 50, replace=False)
    np.testing.assert_allclose(locations[0], x[order].mean(axis=0), rtol=1e-5)


# Errors.


@pytest.mark.parametrize("shape", [(3,), (5, 2), (5, 3, 1), ()])
def test_examples_of_another_shape_are_refused(shape):
    model = DensityModel(StandardNormal([3]))
    x = np.zeros(shape, np.float32)
    message = r"takes x of shape \[batch, 3\]; received .*x\[None\]"
    for method in (model.check_x, model.log_prob, model.encode):
        with pytest.raises(ValueError, match=message):
            method(x)
    with pytest.raises(ValueError, match=message):
        Dequantized(StandardNormal([3]), levels=2).elbo(x)


@pytest.mark.parametrize("name", ["maf", "pixels"])
def test_training_refuses_what_would_only_broadcast(name):
    model, inputs = make(name, run_eagerly=True)
    x = inputs["x"][..., :1]
    for method in (model, model.train_on_batch, model.test_on_batch, model.adapt):
        with pytest.raises(ValueError, match="takes x of shape"):
            method(x)


def test_no_samples_are_drawn_but_not_less():
    model = DensityModel(StandardNormal([2]))
    assert model.sample(0).shape == (0, 2)
    with pytest.raises(ValueError, match="0 rows or more; received num_samples=-1. Gi"):
        model.sample(-1)


def test_samples_need_a_context_each():
    model, inputs = make("conditional nsf")
    with pytest.raises(ValueError, match=r"num_samples=5 and a context of .*\(24, 3\)"):
        model.sample(5, context=inputs["context"])


REFUSED = {
    "neither": {},
    "both": {"levels": 8, "steps": [1.0, 1.0], "offsets": [0.0, 0.0]},
    "no offsets": {"steps": [1.0, 1.0]},
    "no steps": {"offsets": [0.0, 0.0]},
    "levels and offsets": {"levels": 8, "offsets": [0.0, 0.0]},
    "too few steps": {"steps": [1.0], "offsets": [0.0]},
    "too few offsets": {"steps": [1.0, 1.0], "offsets": [0.0]},
    "negative step": {"steps": [1.0, -1.0], "offsets": [0.0, 0.0]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_dequantized_needs_to_know_the_grid(name):
    with pytest.raises(ValueError, match="Dequantized takes .*steps=.*offsets="):
        Dequantized(StandardNormal([2]), **REFUSED[name])


def test_what_discrete_data_never_are_is_impossible():
    levels = Dequantized(StandardNormal([2]), levels=4)
    x = np.array([[0, 3], [0, 4], [-1, 0], [0.5, 1], [np.nan, 9]], "float32")
    elbo = levels.elbo(x).numpy()
    assert np.isfinite(elbo[0])
    assert np.all(elbo[1:4] == -np.inf)
    assert np.isnan(elbo[4])
    table = Dequantized(StandardNormal([2]), steps=[0.0, 0.5], offsets=[0.0, 0.1])
    elbo = table.elbo(np.array([[0.3, 1.1], [0.3, 1.2]], "float32")).numpy()
    assert np.isfinite(elbo[0])
    assert elbo[1] == -np.inf


def test_rounding_makes_no_value_impossible():
    # As fine a grid as the tables of the zoo take, 100 single-precision gaps a step,
    # and values as far off it as they let be.
    offset, step = 0.3, 0.8
    x = np.float32(offset + step * (np.arange(160_000) + 0.005))[:, np.newaxis]
    model = Dequantized(StandardNormal([1]), steps=[step], offsets=[offset])
    assert not np.any(model._off_grid(tf.constant(x)))
