"""Pictures of latents one by one: what each does, what it holds, and which it tells.

They are of models whose latents are independent Gaussians with a standard normal prior.
Latents are in the order of their divergence from it, the largest first: how many nats
they say of the data. They are named as in reports, the first being z0.
"""

import dataclasses
from pathlib import Path

import numpy as np

from tfgen.metrics import mutual_information
from tfgen.metrics.disentanglement.mutual_information import entropies
from zoo import pictures
from zoo.data import DataSet
from zoo.offers import Offer, ask, shades
from zoo.pictures.points import some_rows

_MOST = 12  # latents that a page has room for
_NOISE = 0.01  # nats, below which a latent changes nothing that could be seen
_STEPS = np.linspace(-3, 3, 11, dtype=np.float32)
_MOST_ROWS = 10_000  # of the usual protocol


@dataclasses.dataclass(frozen=True)
class Latents:
    """The latents of test rows.

    Attributes:
        means: Of the posterior, `[rows, latents]`.
        kl: Divergence of each latent from its prior, a mean over rows in nats,
            `[latents]`.
    """

    means: np.ndarray
    kl: np.ndarray

    @classmethod
    def of(cls, offered: Offer, data: DataSet) -> "Latents":
        """Those of all test rows."""
        found = ask(offered["latents"], x=data.test.x)
        rows = len(data.test)
        kl = found["kl"].reshape(rows, -1).mean(axis=0, dtype=np.float64)
        return cls(found["loc"].reshape(rows, -1), kl)

    @property
    def largest(self) -> list[int]:
        """The latents of a page, the largest divergence first."""
        return np.argsort(-self.kl, kind="stable")[:_MOST].tolist()

    def caption(self, latent: int) -> str:
        """Name and divergence of a latent."""
        return f"z{latent}  {self.kl[latent]:.2f} nats"

    def which(self, shown: list[int]) -> str:
        """What titles add where not all latents are shown."""
        count, others = len(self.kl), np.delete(self.kl, shown)
        if len(others) == 0:
            return ""
        if others.max() < _NOISE:
            return f"; {len(shown)} of {count} latents, the others below {_NOISE} nats"
        return f"; the {len(shown)} of {count} latents with most nats"


def traversals(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Decoder means as one latent of a test image varies, a row each; None of tables.

    It takes values from -3 to 3 standard deviations of the prior, all others stay at
    the mean of the posterior. Latents of less than 0.01 nats are left out.
    """
    if "latents" not in offered or not data.spec.is_image:
        return None
    latents = Latents.of(offered, data)
    shown = [latent for latent in latents.largest if latents.kl[latent] >= _NOISE]
    if not shown:
        return None
    codes = np.tile(latents.means[0], (len(shown), 1 + len(_STEPS), 1))
    for row, latent in enumerate(shown):
        codes[row, 1:, latent] = _STEPS
    size = offered["decode"].inputs["z"].shape[1:]
    means = ask(offered["decode"], z=codes.reshape(-1, *size))["mean"]
    x = data.test.x[:1]
    means = shades(means, data.spec).reshape(len(shown), -1, *x.shape[1:])
    test = np.broadcast_to(shades(x, data.spec), means[:, :1].shape)
    images = np.concatenate([test, means], axis=1)
    images[1:, :2] = 1.0  # White: the test image and its mean are shown once.
    steps = [f"{step:.2g}".replace("-", "−") for step in _STEPS]
    return pictures.image_grid(
        path,
        images.reshape(-1, *x.shape[1:]),
        levels=None,
        title=f"{data.spec.name}: decoder means along single latents, in prior "
        f"standard deviations{latents.which(shown)}",
        columns=2 + len(steps),
        row_labels=[latents.caption(latent) for latent in shown],
        column_labels=["test", "mean", *steps],
    )


def histograms(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """Posterior means of test rows, latent by latent, with the density of the prior."""
    if "latents" not in offered:
        return None
    latents = Latents.of(offered, data)
    shown = latents.largest
    return pictures.code_histograms(
        path,
        latents.means[:, shown],
        headings=[latents.caption(latent) for latent in shown],
        title=f"{data.spec.name}: posterior means of {len(data.test):,} test rows"
        f"{latents.which(shown)}",
    )


def factors(path: Path, offered: Offer, data: DataSet) -> Path | None:
    """How much each latent tells of each factor; None where no factor is known.

    That is their mutual information over the factor's entropy, as in `mig_score`.
    Factors that do not vary are left out.
    """
    if "latents" not in offered or data.factors is None or data.test.factors is None:
        return None
    latents = Latents.of(offered, data)
    rows = some_rows(np.arange(len(data.test)), _MOST_ROWS)
    means, values = latents.means[rows], data.test.factors[rows]
    varies = np.ptp(values, axis=0) > 0
    if not varies.any():
        return None
    values = values[:, varies]
    shares = (mutual_information(means, values) / entropies(values)).T
    shown = latents.largest
    return pictures.information_matrix(
        path,
        shares[:, shown],
        factors=[name for name, v in zip(data.factors.names, varies, strict=True) if v],
        latents=[f"z{latent}" for latent in shown],
        title=f"{data.spec.name}: mutual information of factors and latents, "
        f"{len(rows):,} test rows{latents.which(shown)}",
    )
