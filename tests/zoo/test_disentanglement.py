"""Scores of models of factor data: which codes they are of, and how they are shown."""

import json

import numpy as np
import pytest

from zoo import disentanglement, evaluation
from zoo.data import DataSet, DataSpec, Split
from zoo.factors import Factors
from zoo.models import ae, vae, vae_flow_prior

SIZES = (3, 2, 4)
SPEC = DataSpec("grid", (3,), "uint8", levels=4)
FACTORS = Factors(
    ("shape", "size", "place"),
    SIZES,
    lambda points: points[:, ::-1].astype("uint8"),
    categorical=("shape",),
)
DATA = DataSet(
    SPEC,
    *(Split(FACTORS.images(range(first, first + 8))) for first in (0, 8, 16)),
    factors=FACTORS,
)
TINY = {"latents": 2, "hidden_units": (4,)}


@pytest.fixture
def asked(monkeypatch):
    """What the scores were asked of, in place of the scores."""
    calls = []

    def scores(encode, sizes, *, categorical, seed):
        points = FACTORS.random(50, seed=1)
        calls.append((encode(points), points, sizes, categorical, seed))
        return dict.fromkeys(disentanglement.SCORES, 0.25)

    monkeypatch.setattr(disentanglement, "disentanglement_scores", scores)
    return calls


@pytest.mark.parametrize(("recipe", "answer"), [(vae, "loc"), (ae, "z")])
def test_scores_are_of_the_codes_of_the_whole_grid(asked, recipe, answer):
    model = recipe.build(SPEC, **TINY)
    assert disentanglement.scores(model, FACTORS, seed=7) is not None
    [(codes, points, *rest)] = asked
    expected = model.encode(points[:, ::-1].astype("uint8"))[answer]
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)
    assert rest == [SIZES, (0,), 7]


def test_codes_that_are_draws_have_no_scores(asked, monkeypatch):
    model = vae.build(SPEC, **TINY)
    monkeypatch.setattr(type(model), "encodes_by_chance", True)
    assert disentanglement.scores(model, FACTORS) is None
    assert "disentanglement" not in evaluation.report_on(model, DATA)
    assert asked == []


def test_reports_have_the_scores_of_models_with_codes(asked):
    model = vae_flow_prior.build(
        SPEC, prior_steps=1, prior_hidden_units=(4,), likelihood="categorical", **TINY
    )
    report = json.loads(json.dumps(evaluation.report_on(model, DATA)))
    assert report["disentanglement"] == dict.fromkeys(disentanglement.SCORES, 0.25)
    shown = evaluation.describe({"model": "vae", **report}, SPEC)
    assert "  all points MIG            0.250   (1 is best)\n" in shown
    assert len(asked) == 1


def test_reports_of_other_data_have_none(asked):
    data = DataSet(SPEC, DATA.train, DATA.validation, DATA.test)
    report = evaluation.report_on(vae.build(SPEC, **TINY), data)
    assert "disentanglement" not in report
    assert "MIG" not in evaluation.describe({"model": "vae", **report}, SPEC)
    assert asked == []


def test_a_latent_for_each_factor_is_found():
    model = vae.build(SPEC, latents=3, hidden_units=(3,))
    hidden, hidden_bias, codes, codes_bias = model.encoder.trainable_weights
    hidden.assign(np.eye(3))
    codes.assign(np.einsum("ij,k->ijk", np.eye(3), [1.0, 0.0]).reshape(3, 6))
    for bias in (hidden_bias, codes_bias):
        bias.assign(np.full(bias.shape, 5.0))
    scores = disentanglement.scores(model, FACTORS)
    assert list(scores) == list(disentanglement.SCORES)
    for name in ("beta_vae", "mig", "sap", "disentanglement", "modularity"):
        assert scores[name] == pytest.approx(1.0, abs=0.02), name
