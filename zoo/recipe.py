"""Recipes: a model, its data and how to train it, one file each in `zoo/models`."""

import dataclasses
import inspect
import math
import typing
from collections.abc import Callable, Mapping

if typing.TYPE_CHECKING:
    from tfgen import GenerativeModel


@dataclasses.dataclass(frozen=True)
class Reference:
    """A number of the literature to hold ours against: same data, same protocol.

    Attributes:
        dataset: Name of the data set.
        value: Test log-density or bound, nats per example in the data's own units.
        source: Who reports it, and how it was trained.
    """

    dataset: str
    value: float
    source: str


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What `python -m zoo.train --model=NAME` does unless its flags say otherwise.

    Attributes:
        build: `build(spec, *, ...)` makes the model for data as `spec` describes them;
            its keyword arguments are the keys of `--set`.
        dataset: Name of the default data set.
        conditional: Whether the model is p(x | context); if not, contexts are left out.
        batch_size: Examples a step.
        learning_rate: Of Adam, at the start.
        epochs: How many at most.
        schedule: `cosine` (down to 0 at the last step) or `constant`.
        monitor: What chooses the epoch whose weights are kept, on validation rows:
            `term`, the first of the model's, or `accuracy`, for models that are told
            labels as a prior: the share of rows whose category is the label.
        patience: Epochs without a better one before stopping; 0 for never.
        clip_norm: Global norm to which gradients are clipped; 0 for no clipping.
        weight_decay: Decoupled weight decay, times the learning rate.
        weight_averaging: Momentum of the exponential moving average of the weights that
            is validated and kept; 0 for the weights themselves.
        jit_compile: Whether steps are compiled by XLA.
        teacher: Name of a model, or path of a recipe, that is trained first, on the
            same data and as its own recipe says; then this model learns from it by
            `tfgen.Distillation` instead of from data. None for learning from data.
        pretraining_epochs: Epochs of a first stage, for models that have one: they
            learn codes, from which categories are then guessed. Guesses are told as
            labels are, where these are not.
        num_labels: For models that take labels as a prior: how many training rows are
            told theirs, -1 for all, chosen as `zoo.labels` does; the others serve for
            testing alone. None for contexts as they are.
        references: Numbers of the literature.
        tiny: Keyword arguments for `build` that make a model small enough for tests.
    """

    build: "Callable[..., GenerativeModel]"
    dataset: str
    conditional: bool = False
    batch_size: int = 256
    learning_rate: float = 1e-3
    epochs: int = 100
    schedule: str = "cosine"
    monitor: str = "term"
    patience: int = 0
    clip_norm: float = 1.0
    weight_decay: float = 0.0
    weight_averaging: float = 0.0
    jit_compile: bool = True
    teacher: str | None = None
    pretraining_epochs: int = 0
    num_labels: int | None = None
    references: tuple[Reference, ...] = ()
    tiny: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError where a number makes no sense."""
        rules = {
            **{
                f"{name} is finite": math.isfinite(getattr(self, name))
                for name in ("learning_rate", "clip_norm", "weight_decay")
            },
            "batch_size is at least 1": self.batch_size >= 1,
            "learning_rate is above 0": self.learning_rate > 0,
            "epochs is at least 1": self.epochs >= 1,
            "schedule is 'cosine' or 'constant'": self.schedule
            in ("cosine", "constant"),
            "monitor is 'term' or 'accuracy'": self.monitor in ("term", "accuracy"),
            "patience is at least 0": self.patience >= 0,
            "pretraining_epochs is at least 0": self.pretraining_epochs >= 0,
            "num_labels is at least -1": self.num_labels is None
            or self.num_labels >= -1,
            "clip_norm is at least 0": self.clip_norm >= 0,
            "weight_decay is at least 0": self.weight_decay >= 0,
            "weight_averaging is at least 0 and below 1": 0
            <= self.weight_averaging
            < 1,
        }
        for rule, holds in rules.items():
            if not holds:
                name = rule.partition(" ")[0]
                raise ValueError(
                    f"In a recipe {rule}; received {getattr(self, name)!r}. "
                    f"Give another --{name}."
                )

    def options(self) -> "dict[str, Option]":
        """The keys of `--set`, with their types and defaults."""
        hints = typing.get_type_hints(self.build)
        return {
            name: Option(hints.get(name, str), parameter.default)
            for name, parameter in inspect.signature(self.build).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }

    def parse(self, settings: Mapping[str, str]) -> dict[str, object]:
        """The keyword arguments of `build`: texts of `--set name=value`, or defaults.

        Raises:
            ValueError: If a name is unknown or a text is not of the name's type.
        """
        options = self.options()
        known = ", ".join(f"{name} ({option})" for name, option in options.items())
        arguments = {
            name: option.default
            for name, option in options.items()
            if option.default is not inspect.Parameter.empty
        }
        for name, text in settings.items():
            if name not in options:
                raise ValueError(
                    f"--set takes the options of the model; received {name!r}. "
                    f"It has: {known or 'none'}."
                )
            try:
                arguments[name] = options[name].parse(text)
            except ValueError:
                raise ValueError(
                    f"--set {name} is {options[name].type_name}; received {text!r}. "
                    f"Its default is {options[name].default!r}."
                ) from None
        return arguments


@dataclasses.dataclass(frozen=True)
class Option:
    """One keyword argument of a recipe's `build`."""

    type: object
    default: object

    @property
    def type_name(self) -> str:
        """The type in words."""
        if typing.get_origin(self.type) is tuple:
            return "a list of integers such as 64,64"
        return {int: "an integer", float: "a number", bool: "true or false"}.get(
            typing.cast(type, self.type), "a text"
        )

    def parse(self, text: str) -> object:
        """The value that `text` stands for.

        Raises:
            ValueError: If there is none.
            TypeError: If the option has a type that no text stands for.
        """
        if typing.get_origin(self.type) is tuple:
            return tuple(int(part) for part in text.split(","))
        if self.type is bool:
            if text.lower() not in ("true", "false"):
                raise ValueError(text)
            return text.lower() == "true"
        if self.type not in (int, float, str):
            raise TypeError(
                "--set takes numbers, texts, true or false, and lists of integers; "
                f"received an option of type {self.type}. Annotate it in the recipe as "
                "int, float, str, bool or tuple[int, ...]."
            )
        value = typing.cast(type, self.type)(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(text)
        return value

    def __str__(self) -> str:
        """Type and default, for messages."""
        return f"{self.type_name}, default {self.default}"
