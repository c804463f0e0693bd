"""What is traced is let go of."""

import gc
import weakref

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfgen.graphs import forget_graphs


def _trace(function):
    """A weak reference to the graph of a function that nobody has any more."""
    traced = tf.function(function, autograph=False)
    graph = traced.get_concrete_function(tf.TensorSpec([None, 2])).graph
    return weakref.ref(graph)


def test_graphs_of_bijectors_are_forgotten():
    graphs = [
        _trace(lambda x: tfb.Exp().inverse(x)),
        _trace(lambda x: tfd.MultivariateNormalDiag(x, 1 + x**2).log_prob(x)),
    ]
    gc.collect()
    forget_graphs()
    gc.collect()
    assert [graph() for graph in graphs] == [None, None]


def test_bijectors_remember_on():
    forget_graphs()
    x = tf.constant([2.0])
    bijector = tfb.Exp()
    assert bijector.inverse(bijector.forward(x)) is x
