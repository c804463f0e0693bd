"""Divergences of single latents: whose means they are, and how they are shown."""

import json

import numpy as np
import pytest

from zoo import divergences, evaluation
from zoo.data import DataSet, DataSpec, Split
from zoo.models import vae, vae_flow_prior

SPEC = DataSpec("bits", (2, 3), "uint8", levels=2)
TINY = {"latents": 3, "hidden_units": (4,)}


def split(rows, seed=0):
    rng = np.random.default_rng(seed)
    return Split(rng.integers(0, 2, [rows, 2, 3]).astype("uint8"))


def test_reports_have_the_means_of_the_test_rows(monkeypatch):
    monkeypatch.setattr(divergences, "_CHUNK", 4)
    model = vae.build(SPEC, **TINY)
    data = DataSet(SPEC, split(5, 1), split(5, 2), split(11))
    report = json.loads(json.dumps(evaluation.report_on(model, data)))
    loc, scale = (values.numpy() for values in model.encode(data.test.x).values())
    expected = 0.5 * np.mean(scale**2 + loc**2 - 1 - 2 * np.log(scale), axis=0)
    assert report["kl_per_latent"] == pytest.approx(expected, rel=1e-5)
    kl = report["test"]["kl"]["mean"]
    assert sum(report["kl_per_latent"]) == pytest.approx(kl, rel=1e-5)
    shown = evaluation.describe({"model": "vae", **report}, SPEC)
    first = int(np.argmax(expected))
    assert f"  test       kl by latent   z{first} {expected[first]:.2f}  z" in shown


def test_latents_that_depend_on_each_other_are_not_reported():
    model = vae_flow_prior.build(SPEC, prior_steps=1, prior_hidden_units=(4,), **TINY)
    report = evaluation.report_on(model, DataSet(SPEC, split(5), split(5), split(5)))
    assert "kl_per_latent" not in report
    assert "by latent" not in evaluation.describe({"model": "vae", **report}, SPEC)


def test_the_largest_come_first_and_the_others_together():
    (line,) = divergences.describe([0.5, 2.0, 0.5, 3.25])
    assert line == "  test       kl by latent   z3 3.25  z1 2.00  z0 0.50  z2 0.50"
    (line,) = divergences.describe([0.25, *range(1, 11), 0.5])
    assert line.endswith(
        "z10 10.00  z9 9.00  z8 8.00  z7 7.00  z6 6.00  z5 5.00  "
        "z4 4.00  z3 3.00  z2 2.00  z1 1.00  and 2 others 0.75"
    )
    assert divergences.describe([]) == []
