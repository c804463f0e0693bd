"""Numbers of models: means and their errors, reports, and what is never reported."""

import dataclasses
import json
import math

import numpy as np
import pytest
import scipy.stats

import tfgen
from tfgen import random
from tfgen.distributions import Flow, StandardNormal
from tfgen.flows import Logit, Scale
from zoo import data, evaluation, training
from zoo.evaluation import Estimate
from zoo.model_dir import ModelDir
from zoo.recipe import Reference


def test_an_estimate_has_a_standard_error():
    estimate = Estimate.of(np.array([1.0, 2.0, 6.0], "float32"))
    assert estimate == Estimate(3.0, pytest.approx(math.sqrt(7 / 3)), 3)
    assert str(estimate) == "3.000 ± 1.528"
    single = Estimate.of(np.array([2.0]))
    assert single == Estimate(2.0, None, 1)
    assert str(single) == "2.000 ± ?"


def _far(*numbers):
    """Rows of which those with these numbers are too far away for 32 bits."""
    x = np.zeros([5, 2], "float32")
    x[[number - 1 for number in numbers]] = 1e30
    return data.Split(x)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train", "log_prob of the train split is -inf in row 4. Look for extreme"),
        ("validation", "log_prob of the validation split is -inf in row 4. Look"),
        ("test", "log_prob of the test split is -inf in row 4. Look"),
    ],
)
def test_numbers_that_are_not_finite_are_not_reported(monkeypatch, name, message):
    monkeypatch.setattr(evaluation, "_QUANTILE_ROWS", 4)  # Not row 1.
    splits = {"train": _far(), "validation": _far(), "test": _far()}
    splits[name] = _far(4)
    model = tfgen.DensityModel(StandardNormal([2]))
    spec = data.DataSpec("far", (2,), "float32")
    with pytest.raises(ArithmeticError, match=message):
        evaluation.report_on(model, data.DataSet(spec, **splits))


def test_a_split_may_have_a_single_row(tmp_path):
    spec = data.DataSpec("few", (2,), "float32")
    rows = data.Split(np.zeros([1, 2], "float32"))
    few = data.DataSet(spec, _far(), rows, rows)
    report = evaluation.report_on(tfgen.DensityModel(StandardNormal([2])), few)
    ModelDir(tmp_path).write("report.json", report)
    read = json.loads((tmp_path / "report.json").read_text())
    expected = {"mean": pytest.approx(-math.log(2 * math.pi)), "rows": 1}
    assert read["test"]["log_prob"] == {**expected, "standard_error": None}


def _known(context):
    """Standard normal data whose density is known, and a context without meaning."""

    def rows(num, seed):
        return np.random.default_rng(seed).standard_normal([num, 2]).astype("float32")

    def log_prob(x, *given):
        assert len(given) == (context is not None)
        return scipy.stats.norm.logpdf(x).sum(axis=1)

    spec = data.DataSpec("normal", (2,), "float32", context=context)
    split = data.Split(rows(30, 0), None if context is None else rows(30, 1)[:, :1])
    sample = rows if context is None else None
    return data.DataSet(spec, split, split, split, log_prob, sample)


@pytest.mark.parametrize(
    ("context", "rows"), [(None, 100_000), (data.ContextSpec((1,), "float32"), 30)]
)
def test_the_true_density_is_at_distance_zero_of_itself(context, rows):
    model = tfgen.DensityModel(Unmoved([2]))
    divergence = evaluation.report_on(model, _known(context))["divergence"]
    assert divergence["mean"] == pytest.approx(0.0, abs=1e-6)
    assert divergence["standard_error"] < 1e-6
    assert divergence["rows"] == rows


def test_points_without_density_make_the_divergence_infinite():
    known = _known(None)
    model = tfgen.Dequantized(StandardNormal([2]), steps=[1.0, 0.0], offsets=[0.0, 0.0])
    # Of the model's grid are the data, but not all of the fresh points.
    splits = {name: data.Split(np.round(s.x)) for name, s in known.splits.items()}
    on_grid = dataclasses.replace(known, **splits)
    report = evaluation.report_on(model, on_grid)
    json.dumps(report, allow_nan=False)
    divergence = report["divergence"]
    assert divergence["mean"] is None
    assert 50_000 < divergence["impossible"] < divergence["rows"] == 100_000
    shown = evaluation.describe({"model": "toy", **report}, known.spec)
    assert f"infinite   ({divergence['impossible']} of 100000 points have no" in shown


@pytest.mark.parametrize("levels", [16, 17])
def test_only_logits_of_the_unit_interval_have_numbers_of_their_own(levels):
    digits = data.load("digits").without_context()
    layers = [Scale([8, 8], 1 / 17), Logit([8, 8], 0.01)]
    model = tfgen.Dequantized(Flow(StandardNormal([8, 8]), layers), levels=levels)
    rows = data.Split(np.minimum(digits.test.x, levels - 1))
    spec = dataclasses.replace(digits.spec, levels=levels)
    report = evaluation.report_on(model, data.DataSet(spec, rows, rows, rows))
    assert ("logit_space" in report) == (levels == 17)


class Unmoved(StandardNormal):
    """The standard normal, whatever the context."""

    def distribution(self, context=None):
        return super().distribution()


def test_numbers_of_the_literature_are_shown_for_their_data_set():
    estimate = {"mean": -1.5, "standard_error": 0.25, "rows": 9}
    report = {
        "model": "maf",
        "kind": "lower_bound",
        "validation": {"elbo": estimate},
        "test": {"elbo": estimate},
        "bits_per_dim": 1.25,
        "divergence": estimate,
    }
    spec = data.DataSpec("digits", (8, 8), "uint8", levels=17)
    references = (Reference("digits", -2.5, "A paper"), Reference("mnist", -9.0, "B"))
    shown = evaluation.describe(report, spec, references)
    assert "maf on digits, lower bound, nats per example" in shown
    assert shown.count("-1.500 ± 0.250") == 3
    assert "1.250" in shown
    assert "-2.500" in shown
    assert "(A paper)" in shown
    assert "-9.000" not in shown


@pytest.mark.parametrize("settings", [{}, {"logit_alpha": "0"}])
def test_images_with_a_logit_are_reported_in_its_space_too(settings):
    recipe = training.find_recipe("maf")
    digits = data.load("digits").without_context()
    model = recipe.build(digits.spec, **{**recipe.tiny, **recipe.parse(settings)})
    model.adapt(digits.train.x)
    report = evaluation.report_on(model, digits)
    shown = evaluation.describe({"model": "maf", **report}, digits.spec)
    if settings:
        assert "logit_space" not in report
        assert "logits" not in shown
        return
    # The flow behind the logit is a density of logits.
    scale, logit, *rest = model.density.bijectors
    seeds = random.row_seeds(evaluation.EVALUATION_SEED, np.arange(len(digits.test)))
    x = model.dequantize(digits.test.x, seeds)
    y = logit.bijector().inverse(scale.bijector().inverse(x))
    log_prob = Flow(model.density.base, rest).distribution().log_prob(y)
    expected = Estimate.of(log_prob.numpy())
    actual = Estimate(**report["logit_space"])
    assert actual.mean == pytest.approx(expected.mean, rel=1e-4)
    assert actual.standard_error == pytest.approx(expected.standard_error, rel=1e-3)
    assert actual.rows == len(digits.test)
    assert f"of the logits  {actual}" in shown
