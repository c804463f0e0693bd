"""What a page explores: a code that sliders move, and what the model makes of it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfgen import VAE, GenerativeModel
from tfgen.distributions import Flow, StandardNormal
from tfgen.signatures import Signature, Tensors
from zoo import divergences, offers
from zoo.data import DataSet
from zoo.exploring import directions
from zoo.offers import Answer
from zoo.pictures.points import some_rows

MOST_SLIDERS = 12
# How far sliders of latents reach, in standard deviations of the prior, and those of
# meanings, in standard deviations of a factor; a class is at 1.
LATENT_REACH, MEANING_REACH = 3.0, 2.0
_MOST_CODES, _DRAWS = 5_000, 2_000


@dataclasses.dataclass(frozen=True)
class Slider:
    """A direction to move codes in.

    Attributes:
        name: Such as `z3` or `class 7`.
        step: What moving it by 1 adds to a code, `[latents]`.
        reach: It goes from `-reach` to `reach`.
        note: What is known of it, in a few words.
    """

    name: str
    step: np.ndarray
    reach: float
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Start:
    """Where sliders start.

    Attributes:
        code: `[latents]`.
        name: What it is, for people.
        context: What a conditional model is given, `[...]`, else None.
        x: The example that was encoded, if one was, `[*event_shape]`.
    """

    code: np.ndarray
    name: str
    context: np.ndarray | None = None
    x: np.ndarray | None = None


class Explorer:
    """A trained model with codes, for a page to ask.

        code = centre + temperature (start - centre + sum_i moves_i step_i)

    Codes are latents, or for flows the noise of the base, which is made of data and
    made into data too. They are vectors here, whatever their shape in the model.

    Args:
        model: The model.
        data: Its data, of which test rows are encoded.

    Attributes:
        data: The data.
        is_flow: Whether codes are noise.
        classes: How many classes a conditional model may be given; 0 for others.
        centre: Mean of the prior of codes, `[latents]`.
        scale: Its standard deviations, `[latents]`.
        latents: A slider for each latent that is shown: first the one of the largest
            divergence from its prior, a mean over test rows. Where single latents have
            none, the variance of codes takes its place.
        meanings: A slider for each direction of labels or factors that is shown: those
            that move codes furthest, in the order of the data.
        num_meanings: How many directions there are.
        similarity: Cosines of the `meanings`, in units of `scale`.

    Raises:
        ValueError: If the model does not encode and decode.
    """

    def __init__(self, model: GenerativeModel, data: DataSet) -> None:
        offered = offers.signatures(model, data)
        if not {"encode", "decode"} <= offered.keys():
            raise ValueError(
                "To be explored a model encodes data and decodes codes; received a "
                f"{type(model).__name__}, which offers {', '.join(offered)}. Take one "
                "with latents, such as vae, or a flow, such as maf."
            )
        self.data = data
        self.is_flow = "reconstruct" not in offered
        # Traced here, and never again: a slider is answered at once.
        self._encode, self._decode = (
            Answer(offered["encode"]),
            Answer(offered["decode"]),
        )
        # What codes of conditional models are decoded with.
        conditional = "context" in self._decode.inputs
        self._contexts = data.test.context if conditional else None
        self.classes = 0
        if data.spec.context is not None and conditional:
            self.classes = data.spec.context.num_classes or 0
        prior, self._draw = _prior(model, offered)
        self.centre, self.scale = self._moments(prior)
        rows = some_rows(np.arange(len(data.test)), _MOST_CODES)
        codes = self._codes(rows)
        self.latents = self._latent_sliders(model, codes)
        if data.test.label is not None:
            is_known = data.test.label[rows] >= 0
            rows, codes = rows[is_known], codes[is_known]
        names, values = directions.meanings(data, rows)
        steps = directions.fit(codes, values)
        lengths = np.linalg.norm(steps / self.scale, axis=1)
        shown = np.sort(np.argsort(-lengths, kind="stable")[:MOST_SLIDERS])
        self.num_meanings = len(names)
        self.meanings = [Slider(names[i], steps[i], MEANING_REACH) for i in shown]
        self.similarity = directions.cosines(steps[shown] / self.scale)

    @property
    def num_latents(self) -> int:
        """How many latents there are."""
        return len(self.centre)

    @property
    def sliders(self) -> list[Slider]:
        """All that are shown, latents first."""
        return [*self.latents, *self.meanings]

    def at_row(self, row: int) -> Start:
        """The code of a test row.

        Raises:
            ValueError: If there is no such row.
        """
        test = self.data.test
        if not 0 <= row < len(test):
            raise ValueError(
                f"Test examples are numbered from 0 to {len(test) - 1}; received {row}."
                " Choose one of them."
            )
        name, context, label = f"test example {row}", None, test.label
        if test.context is not None:
            context = test.context[row]
            if self.classes and label is None:
                label = test.context
        if label is not None and label[row] >= 0:
            name += f", class {label[row]}"
        return Start(self._codes(np.array([row]))[0], name, context, test.x[row])

    def at_image(self, x: np.ndarray, context: np.ndarray | None = None) -> Start:
        """The code of an example that is not among the data, `[*event_shape]`."""
        codes = self._encode(x=x[None], seed=offers.row_seeds(1), context=_row(context))
        code = offers.code(codes).reshape(-1)
        return Start(code, "uploaded image", context, x)

    def at_seed(self, seed: int, context: np.ndarray | None = None) -> Start:
        """A code of the prior, that of `model.sample(1, seed=seed)`.

        Args:
            seed: Any integer.
            context: Of conditional models; by default that of the first test row.
        """
        if context is None and self._contexts is not None:
            context = self._contexts[0]
        rows = offers.unknown(1) if context is None else _row(context)
        z = self._draw(seed=offers.row_seeds(1, seed), context=rows)["z"]
        return Start(z.reshape(-1), f"draw of seed {seed}", context)

    def between(self, first: int, second: int, share: float) -> Start:
        """A code on the straight line between those of two test rows.

        Args:
            first: A test row, whose context is kept.
            second: A test row.
            share: From 0, the first, to 1, the second.
        """
        one, other = self.at_row(first), self.at_row(second)
        code = (1 - share) * one.code + share * other.code
        return Start(code, f"between {first} and {second}", one.context)

    def positions(self, start: Start) -> list[float]:
        """Where sliders stand at a start: at their ends, if codes are beyond these."""
        latents = [
            float(np.dot(start.code - self.centre, s.step) / np.dot(s.step, s.step))
            for s in self.latents
        ]
        inside = np.clip(latents, -LATENT_REACH, LATENT_REACH).round(2)
        return [*(inside + 0.0).tolist(), *[0.0] * len(self.meanings)]

    def decode(
        self, start: Start, positions: Sequence[float], temperature: float = 1.0
    ) -> np.ndarray:
        """The example, or mean of examples, `[*event_shape]`, of where sliders are.

        Where they started it is that of the start itself.

        Args:
            start: Where they started.
            positions: Where they are, as `positions` has them.
            temperature: Factor on the distance of the code from the prior's mean.
        """
        moves = np.subtract(positions, self.positions(start))
        steps = np.reshape([s.step for s in self.sliders], [len(moves), -1])
        code = self.centre + temperature * (start.code - self.centre + moves @ steps)
        spec = self._decode.inputs["z"]
        z = code.reshape(1, *spec.shape[1:]).astype(spec.dtype.as_numpy_dtype)
        answer = self._decode(z=z, context=_row(start.context))
        return answer["x" if self.is_flow else "mean"][0]

    def _codes(self, rows: np.ndarray) -> np.ndarray:
        """Codes of test rows, `[rows, latents]`."""
        test = self.data.test
        codes = self._encode(
            x=test.x[rows],
            seed=offers.row_seeds(len(test))[rows],
            context=None if test.context is None else test.context[rows],
        )
        return offers.code(codes).reshape(len(rows), -1)

    def _moments(self, prior: object) -> tuple[np.ndarray, np.ndarray]:
        """Means and deviations of the prior, `[latents]` each; if need be of draws."""
        size = int(np.prod(self._decode.inputs["z"].shape[1:]))
        if isinstance(prior, StandardNormal):
            return np.zeros(size), np.ones(size)
        context = offers.unknown(_DRAWS)
        if self._contexts is not None:
            context = np.take(self._contexts, range(_DRAWS), axis=0, mode="wrap")
        z = self._draw(seed=offers.row_seeds(_DRAWS), context=context)["z"]
        z = z.reshape(_DRAWS, -1).astype(np.float64)
        return z.mean(axis=0), np.maximum(z.std(axis=0), np.finfo(np.float32).tiny)

    def _latent_sliders(
        self, model: GenerativeModel, codes: np.ndarray
    ) -> list[Slider]:
        """Those of the latents that say most, the first most of all."""
        weights, unit = (codes / self.scale).var(axis=0), "variance {:.2f}"
        if isinstance(model, VAE):
            means = divergences.kl_per_latent(model, self.data.test.x)
            if means is not None:
                weights, unit = np.asarray(means), "{:.2f} nats"
        sliders = []
        for i in np.argsort(-weights, kind="stable")[:MOST_SLIDERS]:
            step = np.zeros(self.num_latents)
            step[i] = self.scale[i]
            note = unit.format(weights[i])
            sliders.append(Slider(f"z{i}", step, LATENT_REACH, note))
        return sliders


def _prior(model: GenerativeModel, offered: offers.Offer) -> tuple[object, Answer]:
    """The layer that codes are drawn from, and what draws `z` of `seed`, `context`."""
    if "reconstruct" in offered:
        draw = Answer(offers.only("z", offered["sample"]))
        return getattr(model, "prior", None), draw
    flow = model.density_layer()
    if not isinstance(flow, Flow):
        raise TypeError(
            "What encodes and decodes without latents is a flow; received a "
            f"{type(flow).__name__}. Take a Flow."
        )

    def noise(inputs: Tensors) -> Tensors:
        context = inputs.get("context")
        if context is not None and flow.context_network is not None:
            context = flow.context_network(context)
        return {"z": flow.base.sample(inputs["seed"], context)}

    given = offered["sample"].inputs
    return flow.base, Answer(Signature("noise", noise, given))


def _row(context: np.ndarray | None) -> np.ndarray | None:
    return None if context is None else np.asarray(context)[np.newaxis]
