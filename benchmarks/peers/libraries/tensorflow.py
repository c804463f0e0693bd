"""What the TensorFlow libraries share, and training steps without any library.

The steps are written by hand as one function each, compiled by XLA: a variational
autoencoder, and the step that `tfgen.maf` takes in `fit`, clipping and schedule
included, with nothing around it.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from benchmarks.peers.cases import THREADS, Case, Task

PACKAGES = ("tensorflow",)
_STEPS = 10

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
tf.random.set_seed(0)


def calling_task(
    parameters: int,
    function: Callable[..., tf.Tensor],
    *arguments: tf.Tensor,
    xla: bool,
) -> Task:
    """Calls of a function, as a graph or by XLA, compiled here and now."""
    compiled = tf.function(function, jit_compile=xla)
    task = Task(parameters, lambda: compiled(*arguments).numpy())
    if xla:
        task.run()
    else:
        compiled.get_concrete_function(*arguments)
    return task


def training_task(
    case: Case,
    weights: Sequence[tf.Variable],
    step: Callable[[tf.Tensor], tf.Tensor],
    *,
    xla: bool,
) -> Task:
    """Steps of training on batches that are there already."""
    batches = tf.unstack(tf.random.uniform([_STEPS, case.rows, case.features]))
    compiled = tf.function(step, jit_compile=xla)

    def run() -> np.ndarray:
        for x in batches:
            loss = compiled(x)
        return loss.numpy()

    run()
    return Task(sum(math.prod(w.shape) for w in weights), run, units=_STEPS)


def prepare(case: Case, mode: str) -> Task:
    """A training step by hand."""
    del mode
    return {"maf": maf_task, "vae": vae_task}[case.model](case)


class Adam:
    """The update of Kingma and Ba, with clipping and a cosine schedule if wished."""

    def __init__(self, weights: Sequence[tf.Variable], clip_norm: float = 0.0) -> None:
        self._weights = weights
        self._clip_norm = clip_norm
        self._first = [tf.Variable(tf.zeros_like(w)) for w in weights]
        self._second = [tf.Variable(tf.zeros_like(w)) for w in weights]
        self._step = tf.Variable(0.0)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """One step."""
        step = self._step.assign_add(1.0)
        rate = 1e-4
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
            rate = rate * 0.5 * (1.0 + tf.cos(math.pi * step / 1e6))
        rate = rate * tf.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
        for weight, first, second, gradient in zip(
            self._weights, self._first, self._second, gradients, strict=True
        ):
            m = first.assign_add(0.1 * (gradient - first))
            v = second.assign_add(0.001 * (gradient**2 - second))
            weight.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))


def maf_task(case: Case) -> Task:
    """The step of `tfgen.maf`: scales of coordinates between masked networks."""
    size, hidden, count = case.features, case.hidden, case.num_steps
    inputs = np.arange(1, size + 1)
    units = 1 + np.arange(hidden) * (size - 1) // hidden
    outputs = np.repeat(inputs, 2) - 1
    networks = [
        [masked_layer(*pair) for pair in ((inputs, units), (units, units))]
        + [masked_layer(units, outputs, zero=True)]
        for _ in range(count)
    ]
    scales = [
        (tf.Variable(tf.zeros([size])), tf.Variable(tf.zeros([size])))
        for _ in range(count + 1)
    ]
    variables = tf.nest.flatten([networks, scales])
    weights = [w for w in variables if isinstance(w, tf.Variable)]
    adam = Adam(weights, clip_norm=1.0)

    def log_prob(x: tf.Tensor) -> tf.Tensor:
        total = 0.0
        for index, (loc, log_scale) in enumerate(scales):
            x = (x - loc) * tf.exp(-log_scale)
            total -= tf.reduce_sum(log_scale)
            if index == count:
                break
            if index > 0:
                x = tf.reverse(x, [1])
            h = tf.asinh(x)
            for blocks, bias in networks[index][:-1]:
                h = tf.nn.relu(masked_product(h, blocks) + bias)
            blocks, bias = networks[index][-1]
            h = masked_product(h, blocks) + bias
            shift, slope = tf.unstack(tf.reshape(h, [-1, size, 2]), axis=-1)
            slope = 5.0 * tf.tanh(slope / 5.0)
            x = (x - shift) * tf.exp(-slope)
            total -= tf.reduce_sum(slope, axis=-1)
        base = -0.5 * tf.reduce_sum(x**2 + math.log(2 * math.pi), axis=-1)
        return base + total

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(log_prob(x))
        adam.apply(tape.gradient(loss, weights))
        return loss

    return training_task(case, weights, step, xla=True)


def masked_layer(
    below: np.ndarray, above: np.ndarray, *, zero: bool = False
) -> tuple[list[tuple[tf.Variable, tf.Tensor]], tf.Variable]:
    """Kernels of blocks of columns with their masks, and the bias."""
    size, num_blocks = len(above), max(1, min(len(below), len(above)) // 256)
    edges = [size * i // num_blocks for i in range(num_blocks + 1)]
    blocks = []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        columns = above[start:stop]
        rows = below[below <= columns[-1]]
        kernel = normal(len(rows), len(columns)) * (0.0 if zero else 1.0)
        mask = tf.constant(rows[:, None] <= columns, tf.float32)
        blocks.append((tf.Variable(kernel), mask))
    return blocks, tf.Variable(tf.zeros([len(above)]))


def masked_product(
    x: tf.Tensor, blocks: list[tuple[tf.Variable, tf.Tensor]]
) -> tf.Tensor:
    """What each block of columns makes of the inputs that it sees."""
    products = [x[:, : kernel.shape[0]] @ (kernel * mask) for kernel, mask in blocks]
    return tf.concat(products, axis=-1)


def vae_task(case: Case) -> Task:
    """784-300-300-50 and back; the divergence from the prior in closed form."""
    latents = 50
    encoder, decoder = (
        [
            (tf.Variable(normal(a, b)), tf.Variable(tf.zeros([b])))
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        ]
        for widths in (
            [case.features, case.hidden, case.hidden, 2 * latents],
            [latents, case.hidden, case.hidden, case.features],
        )
    )
    weights = tf.nest.flatten([encoder, decoder])
    adam = Adam(weights)

    def loss_of(x: tf.Tensor) -> tf.Tensor:
        loc, log_scale = tf.split(mlp(encoder, x), 2, axis=-1)
        z = loc + tf.exp(log_scale) * tf.random.normal(tf.shape(loc))
        error = tf.nn.sigmoid_cross_entropy_with_logits(x, mlp(decoder, z))
        kl = 0.5 * (loc**2 + tf.exp(2.0 * log_scale) - 1.0) - log_scale
        return tf.reduce_mean(tf.reduce_sum(error, -1) + tf.reduce_sum(kl, -1))

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(x)
        adam.apply(tape.gradient(loss, weights))
        return loss

    return training_task(case, weights, step, xla=True)


def normal(rows: int, columns: int) -> tf.Tensor:
    """A kernel at the start."""
    return tf.random.normal([rows, columns], stddev=math.sqrt(2.0 / rows))


def mlp(layers: Sequence[tuple[tf.Variable, tf.Variable]], x: tf.Tensor) -> tf.Tensor:
    """Hidden layers of rectifiers."""
    for kernel, bias in layers[:-1]:
        x = tf.nn.relu(x @ kernel + bias)
    kernel, bias = layers[-1]
    return x @ kernel + bias
