"""Whether the latents of a model stand for the factors behind the data."""

import numpy as np
import tensorflow as tf

from tfgen.metrics.disentanglement import disentanglement_scores
from tfgen.models.latent import LatentModel
from zoo.factors import Factors
from zoo.model_dir import Json

# The order of the table, and how lines name them.
SCORES = {
    "beta_vae": "beta-VAE",
    "factor_vae": "FactorVAE",
    "mig": "MIG",
    "sap": "SAP",
    "disentanglement": "DCI-D",
    "completeness": "DCI-C",
    "informativeness": "DCI-I",
    "modularity": "modularity",
}


def scores(model: LatentModel, factors: Factors, seed: int = 0) -> Json | None:
    """The scores of the codes of the whole grid; None of codes that are draws.

    Codes are means of posteriors, or all there is of deterministic ones. Every image of
    the grid is drawn and encoded once: some minutes for dSprites' 737,280.

    Args:
        model: The model.
        factors: The grid behind the data.
        seed: Of the points that scores are taken of.
    """
    if model.encodes_by_chance:
        return None

    @tf.function(reduce_retracing=True)
    def encode(x: tf.Tensor) -> tf.Tensor:
        codes = model.encode(x)
        return codes["loc"] if "loc" in codes else codes["z"]

    def flat(x: np.ndarray) -> np.ndarray:
        return encode(tf.constant(x)).numpy().reshape(len(x), -1)

    return disentanglement_scores(
        factors.tabulate(flat),
        factors.sizes,
        categorical=factors.categorical_columns,
        seed=seed,
    )


def describe(report: Json) -> list[str]:
    """The scores for people, a line each; none of an empty report."""
    return [
        f"  {'all points':10} {shown:14} {report[name]:.3f}   (1 is best)"
        for name, shown in SCORES.items()
        if name in report
    ]
