"""Recipes: what they may say, the options of their models, and where they are found."""

import dataclasses
import sys

import pytest

from zoo import registry
from zoo.recipe import Option, Recipe
from zoo.training import find_recipe, training_fields


def build(
    spec,
    *,
    width: int = 3,
    rate: float = 0.5,
    deep: bool = False,
    kind: str = "full",
    hidden_units: tuple[int, ...] = (8, 4),
    untyped=7,
):
    """Takes one option of each type."""


RECIPE = Recipe(build=build, dataset="digits")
DEFAULTS = {
    "width": 3,
    "rate": 0.5,
    "deep": False,
    "kind": "full",
    "hidden_units": (8, 4),
    "untyped": 7,
}


REFUSED = {
    "no examples": ({"batch_size": 0}, "batch_size is at least 1"),
    "no learning": ({"learning_rate": 0.0}, "learning_rate is above 0"),
    "no number": ({"learning_rate": float("nan")}, "learning_rate is finite"),
    "infinite": ({"clip_norm": float("inf")}, "clip_norm is finite"),
    "no epochs": ({"epochs": 0}, "epochs is at least 1"),
    "unknown schedule": ({"schedule": "linear"}, "'cosine' or 'constant'"),
    "unknown monitor": ({"monitor": "loss"}, "'term' or 'accuracy'"),
    "negative patience": ({"patience": -1}, "patience is at least 0"),
    "negative norm": ({"clip_norm": -1.0}, "clip_norm is at least 0"),
    "negative decay": ({"weight_decay": -0.1}, "weight_decay is at least 0"),
    "negative average": ({"weight_averaging": -0.1}, "at least 0 and below 1"),
    "frozen average": ({"weight_averaging": 1.0}, "at least 0 and below 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_numbers_that_make_no_sense_are_refused(name):
    fields, rule = REFUSED[name]
    ((field, value),) = fields.items()
    with pytest.raises(ValueError, match=rule) as error:
        dataclasses.replace(RECIPE, **fields)
    assert str(error.value).startswith(f"In a recipe {field} is ")
    assert str(error.value).endswith(f"received {value!r}. Give another --{field}.")


def test_numbers_at_their_bounds_are_taken():
    dataclasses.replace(
        RECIPE,
        batch_size=1,
        epochs=1,
        schedule="constant",
        patience=0,
        clip_norm=0.0,
        weight_decay=0.0,
        weight_averaging=0.999,
    )


def test_options_are_the_keyword_arguments_of_build():
    options = RECIPE.options()
    assert {name: option.default for name, option in options.items()} == DEFAULTS
    assert [str(option) for option in options.values()] == [
        "an integer, default 3",
        "a number, default 0.5",
        "true or false, default False",
        "a text, default full",
        "a list of integers such as 64,64, default (8, 4)",
        "a text, default 7",
    ]


PARSED = {
    "integer": ("width", "12", 12),
    "negative": ("width", "-1", -1),
    "number": ("rate", "1e-3", 1e-3),
    "whole number": ("rate", "2", 2.0),
    "true": ("deep", "True", True),
    "false": ("deep", "false", False),
    "text": ("kind", "a=b", "a=b"),
    "list": ("hidden_units", "64,32", (64, 32)),
    "list of one": ("hidden_units", "64", (64,)),
    "untyped": ("untyped", "64", "64"),
}


@pytest.mark.parametrize("name", PARSED)
def test_texts_become_values(name):
    key, text, expected = PARSED[name]
    assert repr(RECIPE.parse({key: text})[key]) == repr(expected)


def test_what_is_not_set_keeps_its_default():
    assert RECIPE.parse({}) == DEFAULTS
    assert RECIPE.parse({"width": "4"}) == {**DEFAULTS, "width": 4}


ILL_TYPED = {
    "no integer": ("width", "wide", "an integer", "3"),
    "fraction": ("width", "1.5", "an integer", "3"),
    "nothing": ("width", "", "an integer", "3"),
    "no number": ("rate", "fast", "a number", "0.5"),
    "infinite": ("rate", "inf", "a number", "0.5"),
    "number for a truth": ("deep", "1", "true or false", "False"),
    "no list": ("hidden_units", "big", "a list of integers such as 64,64", "(8, 4)"),
    "empty list": ("hidden_units", "", "a list of integers such as 64,64", "(8, 4)"),
    "hole": ("hidden_units", "64,,64", "a list of integers such as 64,64", "(8, 4)"),
}


@pytest.mark.parametrize("name", ILL_TYPED)
def test_texts_of_another_type_are_refused(name):
    key, text, type_name, default = ILL_TYPED[name]
    with pytest.raises(ValueError, match="--set") as error:
        RECIPE.parse({key: text})
    assert str(error.value) == (
        f"--set {key} is {type_name}; received {text!r}. Its default is {default}."
    )


def test_options_of_other_types_are_refused():
    with pytest.raises(TypeError, match=r"type float \| None. Annotate it .* as int,"):
        Option(float | None, None).parse("1")


def test_unknown_options_are_answered_with_all_there_are():
    with pytest.raises(ValueError, match="received 'with'") as error:
        RECIPE.parse({"with": "1"})
    for name, option in RECIPE.options().items():
        assert f"{name} ({option})" in str(error.value)
    bare = Recipe(build=lambda spec: None, dataset="digits")
    with pytest.raises(ValueError, match=r"received 'width'. It has: none\."):
        bare.parse({"width": "1"})


def test_the_fields_of_training_are_all_but_the_model_and_its_data():
    fields = training_fields(RECIPE)
    assert "batch_size" in fields
    assert not {"build", "dataset", "conditional", "tiny"} & set(fields)
    assert all(fields[name] == getattr(RECIPE, name) for name in fields)


@pytest.mark.parametrize("name", registry.names("models"))
def test_every_recipe_is_sound(name):
    recipe = find_recipe(name)
    options = recipe.options()
    assert set(recipe.tiny) <= set(options)
    for option in options.values():
        # A default written as --set takes it is the default.
        is_list = isinstance(option.default, tuple)
        text = ",".join(map(str, option.default)) if is_list else str(option.default)
        assert option.parse(text) == option.default
    assert recipe.dataset in registry.names("datasets")
    for reference in recipe.references:
        assert reference.dataset in registry.names("datasets")
        assert len(reference.source) > 0


def _write(path, text):
    path.write_text(text)
    return str(path)


def test_a_recipe_may_be_a_file_of_the_users_own(tmp_path):
    text = "from __future__ import annotations\n\nfrom zoo.recipe import Recipe\n\n\n"
    text += "def build(spec, *, width: int = 3):\n    return width\n\n\n"
    text += "RECIPE = Recipe(build=build, dataset='digits', epochs=7)\n"
    recipe = find_recipe(_write(tmp_path / "recipe_of_mine.py", text))
    try:
        assert recipe.epochs == 7
        assert recipe.options() == {"width": Option(int, 3)}
    finally:
        del sys.modules["recipe_of_mine"]


@pytest.mark.parametrize("text", ["", "RECIPE = {'epochs': 7}\n"])
def test_a_file_without_a_recipe_is_refused(tmp_path, text):
    path = _write(tmp_path / f"no_recipe_{len(text)}.py", text)
    with pytest.raises(ValueError, match="defines RECIPE") as error:
        find_recipe(path)
    assert f"received {path}, which does not. See zoo/models/maf.py" in str(error.value)
    del sys.modules[f"no_recipe_{len(text)}"]
