"""Recipes of autoencoders: likelihoods that suit the data, kinds that are told."""

import dataclasses
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from tfgen import DensityModel
from tfgen.distributions import (
    Autoregressive,
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    Flow,
    GreyBernoulli,
)
from tfgen.networks import MADE
from zoo import evaluation, pictures, runs, showing
from zoo.data import DataSet, DataSpec, Split
from zoo.fitting import EVALUATION_SEED
from zoo.model_dir import ModelDir
from zoo.models import ae, vae, vae_conv
from zoo.recipe import Reference

BITS = DataSpec("bits", (2, 3), "uint8", levels=2)
GREYS = DataSpec("greys", (2, 3), "uint8", levels=17)
TABLE = DataSpec("table", (2,), "float32")
GRID = dataclasses.replace(TABLE, steps=(1.0, 0.0), offsets=(0.0, 0.0))
FLOATS = DataSpec("floats", (5, 4, 1), "float32")
TINY = {"latents": 2, "hidden_units": (4,)}


def data(spec, rows=6, **options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal([rows, *spec.event_shape])
    if spec.levels is not None:
        x = rng.integers(0, spec.levels, [rows, *spec.event_shape])
    split = Split(x.astype(spec.dtype))
    return DataSet(spec, split, split, split, **options)


LIKELIHOODS = {
    "bits": (BITS, "auto", Bernoulli, "lower_bound"),
    "bits by name": (BITS, "bernoulli", Bernoulli, "lower_bound"),
    "bits as levels": (
        BITS,
        "discretized_logistic",
        DiscretizedLogistic,
        "lower_bound",
    ),
    "greys": (GREYS, "auto", DiscretizedLogistic, "lower_bound"),
    "greys as categories": (GREYS, "categorical", Categorical, "lower_bound"),
    "greys as bits": (GREYS, "bernoulli", GreyBernoulli, "none"),
    "numbers": (TABLE, "auto", Flow, "lower_bound"),
    "numbers by name": (TABLE, "gaussian", Flow, "lower_bound"),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_likelihood_suits_the_data(name):
    spec, likelihood, layer, kind = LIKELIHOODS[name]
    model = vae.build(spec, likelihood=likelihood, **TINY)
    assert type(model.decoder) is layer
    assert model.kind == kind
    rows = data(spec)
    model.adapt(rows.train.x)
    for values in model(rows.train.x).values():
        assert np.all(np.isfinite(values))
    samples = model.sample(20).numpy()
    assert samples.shape == (20, *spec.event_shape)
    if spec.levels is not None:
        assert np.all(np.isin(samples, np.arange(spec.levels)))
    assert model.decode(np.zeros([3, 2])).shape == (3, *spec.event_shape)


@pytest.mark.parametrize("spec", [BITS, GREYS, FLOATS], ids=lambda spec: spec.name)
def test_convolutions_take_the_images_of_all_kinds(spec):
    model = vae_conv.build(spec, latents=2, filters=(3,), strides=(2,))
    rows = data(spec)
    model.adapt(rows.train.x)
    assert np.all(np.isfinite(model.elbo(rows.train.x)))
    assert model.reconstruct(rows.train.x).shape == rows.train.x.shape


REFUSED = {
    "unknown": (
        lambda: vae.build(GREYS, likelihood="poisson"),
        r"of greys are auto, bernoulli, discretized_logistic, categorical; received "
        "likelihood=poisson. Leave it out",
    ),
    "of numbers": (
        lambda: ae.build(TABLE, likelihood="bernoulli"),
        "Likelihoods of table are auto, gaussian; received likelihood=bernoulli",
    ),
    "grid": (lambda: vae.build(GRID), "received table, with columns on a grid"),
    "no image": (
        lambda: vae_conv.build(TABLE),
        r"received table with examples of shape \[2\]. Take vae",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_suit_is_refused(name):
    build, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        build()


def test_importance_samples_are_reported_beside_the_bound():
    model, rows = vae.build(BITS, **TINY), data(BITS)
    report = evaluation.report_on(model, rows, num_importance_samples=30)
    expected = model.importance_log_prob(rows.test.x, 30, seed=EVALUATION_SEED)
    estimate = report["importance"]["test"]
    assert estimate["mean"] == pytest.approx(np.mean(expected), rel=1e-5)
    error = np.std(expected, ddof=1) / np.sqrt(6)
    assert estimate["standard_error"] == pytest.approx(error, rel=1e-5)
    assert estimate["mean"] > report["test"]["elbo"]["mean"]
    text = evaluation.describe({"model": "vae", **report}, BITS)
    assert f"log p          {estimate['mean']:.3f} ± {error:.3f}" in text
    assert "(6 rows, 30 importance samples each)" in text
    assert "importance" not in evaluation.report_on(model, rows)


NO_LIKELIHOOD = {
    "grey": (lambda: vae.build(GREYS, likelihood="bernoulli", **TINY), GREYS),
    "autoencoder": (lambda: ae.build(BITS, **TINY), BITS),
}


@pytest.mark.parametrize("name", NO_LIKELIHOOD)
def test_what_is_no_likelihood_is_called_so(name):
    build, spec = NO_LIKELIHOOD[name]
    model = build()
    rows = data(spec, log_prob=lambda x: np.zeros(len(x)))
    report = {"model": "it", **evaluation.report_on(model, rows)}
    assert report["kind"] == "none"
    assert not {"bits_per_dim", "divergence"} & set(report)
    references = [Reference(spec.name, -1.0, "A bound of a paper")]
    text = evaluation.describe(report, spec, references)
    assert text.startswith(f"it on {spec.name}, no likelihood, nats per example")
    assert "paper" not in text
    terms, *_ = model.signatures(evaluation.input_specs({"x": rows.test.x}))
    units = {terms.units[name] for name in model.term_names}
    assert units == {"nats, no likelihood"}
    with pytest.raises(
        ValueError, match="and a likelihood; received a .* of kind none"
    ):
        evaluation.report_on(model, rows, num_importance_samples=5)


def test_no_map_is_drawn_of_what_is_no_density(tmp_path, monkeypatch):
    drawn = []
    for name in ("density_2d", "pair_plot"):
        monkeypatch.setattr(
            pictures, name, lambda *_, name=name, **__: drawn.append(name)
        )
    rows = data(TABLE)
    for model in (vae.build(TABLE, **TINY), ae.build(TABLE, **TINY)):
        showing.draw_picture(tmp_path / "a.png", model, rows, rows.test.x)
    assert drawn == ["density_2d", "pair_plot"]


def test_pictures_have_the_levels_of_the_data(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "image_grid", lambda _, x, **__: drawn.append(x))
    layer = Autoregressive(Categorical(GREYS.event_shape, 17, MADE(6, 17, [8])))
    model, rows = DensityModel(layer), data(GREYS)
    samples = showing.draw(model, 5)
    assert samples.dtype == np.float32
    showing.draw_picture(tmp_path / "a.png", model, rows, samples)
    assert drawn[0].dtype == np.uint8
    np.testing.assert_array_equal(drawn[0], samples)


def test_the_command_asks_for_as_many_samples_as_it_is_told(monkeypatch, capsys):
    model, rows = vae.build(BITS, **TINY), data(BITS)
    config = {"model": "vae", "recipe": None}
    run = SimpleNamespace(
        directory=ModelDir("any"),
        model=model,
        spec=BITS,
        config=config,
        report={"model": "vae"},
        load_data=lambda _: rows,
    )
    monkeypatch.setattr(runs, "open_run", lambda *_: run)
    arguments = ["evaluate", "--model_dir=any", "--num_importance_samples=7"]
    monkeypatch.setattr(sys, "argv", arguments)
    with flagsaver.flagsaver(), pytest.raises(SystemExit):
        runpy.run_module("zoo.evaluate", run_name="__main__")
    flags.FLAGS.unparse_flags()
    assert "7 importance samples each" in capsys.readouterr().out
