"""Flows of TensorFlow Probability, with networks of tf_keras."""

import tensorflow as tf
import tf_keras
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from benchmarks.peers.cases import Case, Task
from benchmarks.peers.libraries.tensorflow import calling_task, training_task

PACKAGES = ("tensorflow", "tensorflow-probability", "tf_keras")


def prepare(case: Case, mode: str) -> Task:
    """Coordinates are reversed between steps."""
    size, hidden = case.features, case.hidden
    networks, layers = [], []
    for _ in range(case.num_steps):
        if case.model == "maf":
            network = tfb.AutoregressiveNetwork(
                2, [size], hidden_units=[hidden, hidden], activation="relu"
            )
            step = tfb.MaskedAutoregressiveFlow(network)
        else:
            network = tf_keras.Sequential(
                [
                    tf_keras.layers.Dense(hidden, "relu"),
                    tf_keras.layers.Dense(hidden, "relu"),
                    tf_keras.layers.Dense(2 * (size - size // 2)),
                ]
            )
            network.build([None, size // 2])
            step = tfb.RealNVP(size // 2, shift_and_log_scale_fn=halves(network))
        networks.append(network)
        layers += [step, tfb.Permute(list(reversed(range(size))))]
    flow = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros([size])), tfb.Chain(layers)
    )
    flow.log_prob(tf.zeros([2, size]))  # Makes the weights.
    weights = [w for network in networks for w in network.trainable_weights]
    xla = mode == "xla"
    if case.work == "train":
        optimizer = tf_keras.optimizers.Adam(1e-4, jit_compile=False)
        optimizer.build(weights)

        def step(x: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(flow.log_prob(x))
            gradients = tape.gradient(loss, weights)
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return loss

        return training_task(case, weights, step, xla=xla)
    parameters = sum(int(tf.size(w)) for w in weights)
    if case.work == "density":
        x = tf.random.normal([case.rows, size])
        return calling_task(parameters, flow.log_prob, x, xla=xla)
    return calling_task(parameters, lambda: flow.sample(case.rows), xla=xla)


def halves(network: tf_keras.Model) -> object:
    """Shift and log-scale out of one product."""

    def shift_and_log_scale(x: tf.Tensor, output_units: int) -> list[tf.Tensor]:
        del output_units
        return tf.split(network(x), 2, axis=-1)

    return shift_and_log_scale
