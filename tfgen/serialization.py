"""Serialisation of parts: their constructor arguments are their configuration."""

import inspect
from typing import TypeVar

import keras

# Keras takes `name` and `dtype` back from its own configuration.
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_Self = TypeVar("_Self", bound="Serializable")


class Serializable:
    """Mixin: an object is saved as its constructor arguments, nested parts included.

    A constructor keeps every argument as an attribute under the argument's own name.
    Subclasses register themselves with Keras, so that composed models load in safe
    mode.

    Example:
        >>> import keras
        >>> from tfgen.bijectors import RationalQuadratic
        >>> config = keras.saving.serialize_keras_object(RationalQuadratic(num_bins=4))
        >>> keras.saving.deserialize_keras_object(config).num_bins
        4
    """

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Registers the class under the name of the package that defines it."""
        super().__init_subclass__(**kwargs)
        package = cls.__module__.partition(".")[0]
        keras.saving.register_keras_serializable(package=package)(cls)

    def get_config(self) -> dict[str, object]:
        """The constructor arguments, in a form that JSON can hold."""
        parent = getattr(super(), "get_config", None)
        config = parent() if parent else {}
        for name, parameter in inspect.signature(
            type(self).__init__
        ).parameters.items():
            if name == "self" or parameter.kind in _VARIADIC:
                continue
            config[name] = keras.saving.serialize_keras_object(getattr(self, name))
        return config

    @classmethod
    def from_config(cls: type[_Self], config: dict[str, object]) -> _Self:
        """The object that `get_config` described."""
        arguments = {
            name: keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
        }
        return cls(**arguments)
