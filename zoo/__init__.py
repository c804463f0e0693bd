"""The catalogue: recipes, data sets and the command lines that train and use them."""

from zoo.pretrained import load

__all__ = ["load"]
