"""What models with latent codes share: a prior of codes, and a decoder."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from tfgen import random
from tfgen.base import ArrayLike, Context, DistributionLayer, GenerativeModel
from tfgen.objectives import Objective
from tfgen.signatures import UNITS, Signature, Tensors

_UNITS = {**UNITS, "z": "latent code"}


class LatentModel(GenerativeModel):
    """Data `x` by a decoder `p(x | z)` from codes `z` of a prior `p(z)`.

    Subclasses say how data become codes.

    Args:
        decoder: `p(x | z)`; its context is `z`.
        prior: `p(z)`.
        objective: What `fit` minimises; by default minus the first term.
        **kwargs: `name` and `dtype`.
    """

    def __init__(
        self,
        decoder: DistributionLayer,
        prior: DistributionLayer,
        objective: Objective | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(objective, **kwargs)
        self.decoder = decoder
        self.prior = prior

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one example `x`, without the batch."""
        return self.decoder.event_shape

    @property
    def encodes_by_chance(self) -> bool:
        """Whether codes of data depend on seeds."""
        raise NotImplementedError

    def codes(self, x: tf.Tensor, seeds: tf.Tensor) -> Tensors:
        """What is known of the code of each row: `z`, or else `loc` and `scale`."""
        raise NotImplementedError

    def sample_rows(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        """One draw a row: a code from the prior, and data from the decoder."""
        z = self._draw_codes(seeds, context)
        return self.decoder.sample(random.fold_in(seeds, 1), z)

    def adapt_rows(self, inputs: dict[str, tf.Tensor], seeds: tf.Tensor) -> None:
        """Starts the decoder, with codes of the prior."""
        self.decoder.adapt(self.data(inputs), self._draw_codes(seeds))

    def encode(self, x: ArrayLike, *, seed: int = 0) -> Tensors:
        """What is known of the code of each row.

        `loc` and `scale`, `[batch, *code_shape]`, of the posterior; where it has no
        closed form for them, one draw `z`; of a deterministic encoder its `z`.

        Args:
            x: Data `[batch, *event_shape]`.
            seed: Of the draws, if there are any.
        """
        x = self.data({"x": tf.convert_to_tensor(x)})
        return self.codes(x, random.row_seeds(seed, tf.range(tf.shape(x)[0])))

    def decode(self, z: ArrayLike) -> tf.Tensor:
        """Mean of the data of each code `z`: `[batch, *event_shape]`, as floats.

        Raises:
            TypeError: If the decoder has no closed form for its mean.
        """
        z = tf.cast(tf.convert_to_tensor(z), self.compute_dtype)
        mean = known(self.decoder.distribution(z).mean)
        if mean is None:
            raise TypeError(
                "Codes are decoded to the mean of their data; received a decoder "
                f"without one, {type(self.decoder).__name__}. Draw samples instead."
            )
        return mean

    def reconstruct(self, x: ArrayLike, *, seed: int = 0) -> tf.Tensor:
        """Mean of the data of each row's own code: of `loc`, or of a drawn `z`.

        Args:
            x: Data `[batch, *event_shape]`.
            seed: Of the draws, if there are any.
        """
        return self.decode(_code(self.encode(x, seed=seed)))

    def signatures(self, inputs: Mapping[str, tf.TensorSpec]) -> list[Signature]:
        """The terms, `sample` and `encode`; with a mean also `decode`, `reconstruct`.

        `sample` answers with the code and the mean of a draw too. `encode` and
        `reconstruct` take a `seed` where codes are draws.
        """
        x, z = (
            inputs["x"],
            tf.TensorSpec([None, *self.prior.event_shape], self.compute_dtype),
        )
        terms, sample = super().signatures(inputs)
        seed = sample.inputs

        def codes(inputs: Tensors) -> Tensors:
            seeds = inputs.get("seed", tf.zeros(tf.shape(inputs["x"])[:1], tf.int32))
            return self.codes(self.data({"x": inputs["x"]}), seeds)

        def draw(inputs: Tensors) -> Tensors:
            z = self._draw_codes(inputs["seed"], inputs.get("context"))
            seeds = random.fold_in(inputs["seed"], 1)
            draws, distribution = self.decoder.sample_and_distribution(seeds, z)
            mean = known(distribution.mean)
            answer = {"x": tf.cast(draws, x.dtype), "z": z}
            return answer if mean is None else {**answer, "mean": mean}

        def decode(inputs: Tensors) -> Tensors:
            return {"mean": self.decode(inputs["z"])}

        def reconstruct(inputs: Tensors) -> Tensors:
            return {"mean": self.decode(_code(codes(inputs)))}

        given = {"x": x, **(seed if self.encodes_by_chance else {})}
        signatures = [
            terms,
            dataclasses.replace(sample, function=draw),
            Signature("encode", codes, given),
        ]
        one = tf.zeros([1, *self.prior.event_shape], self.compute_dtype)
        if known(self.decoder.distribution(one).mean) is not None:
            signatures.append(Signature("decode", decode, {"z": z}))
            signatures.append(Signature("reconstruct", reconstruct, given))
        units = _UNITS
        if self.kind == "none":
            units = {**units, **dict.fromkeys(self.term_names, "nats, no likelihood")}
        return [dataclasses.replace(s, units=units) for s in signatures]

    def data(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The data as floats, in their own units.

        Raises:
            ValueError: If their shape is another one, or if there is a context.
        """
        self._refuse(inputs.get("context"))
        return tf.cast(self.check_x(inputs["x"]), self.compute_dtype)

    def _draw_codes(self, seeds: tf.Tensor, context: Context = None) -> tf.Tensor:
        self._refuse(context)
        return self.prior.sample(random.fold_in(seeds, 0))

    def _refuse(self, context: Context) -> None:
        if context is not None:
            raise ValueError(
                f"{type(self).__name__} models the data alone and takes no context; "
                "received one. Leave it out, or take a flow, which can be conditional."
            )


def known(statistic: Callable[[], tf.Tensor]) -> tf.Tensor | None:
    """What a method of a distribution answers; None where it has no closed form."""
    try:
        return statistic()
    except NotImplementedError:
        return None


def _code(codes: Tensors) -> tf.Tensor:
    return codes["loc"] if "loc" in codes else codes["z"]
