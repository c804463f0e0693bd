"""Letting go of what graphs were traced for."""

from tensorflow_probability import bijectors as tfb


def forget_graphs() -> None:
    """Lets go of the graphs that TFP's bijectors were called in.

    A bijector remembers what it computed by weak references to its results, and as long
    as these live it holds the arguments. In a graph an argument holds the graph, and
    this holds the result: neither would ever be let go, nor anything else of the graph.
    What is forgotten would be computed anew if it were asked for.
    """
    # Read from the class itself: bijectors get theirs by way of it.
    vars(tfb.Bijector)["_cache"].clear()
