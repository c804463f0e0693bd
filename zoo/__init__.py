"""The catalogue: recipes, data sets and the command lines that train and use them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgen import GenerativeModel

__all__ = ["load"]


def load(model: str, dataset: str) -> "GenerativeModel":
    """A trained model that comes with the zoo; `python -m zoo.pretrained` lists them.

    Args:
        model: Name of the model, such as `"vae"`.
        dataset: Name of the data that it was trained on, such as `"mnist"`.

    Returns:
        The model, as `python -m zoo.train` left it.

    Raises:
        ValueError: If there is none of that model and data, or its files have changed.
    """
    # Commands that only list names do without what this imports.
    from zoo.pretrained import runs

    return runs.find(model, dataset).load_model()
