"""Every name of the original is here, and every call of it is one of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from sitewire.collectors import wandb
from sitewire.collectors.wandb.errors import UnsupportedError
from sitewire.collectors.wandb.wandb_config import ConfigStatic
from sitewire.collectors.wandb.wandb_metric import Metric
from sitewire.collectors.wandb.wandb_summary import Summary

FUNCTIONS = ("init", "login", "finish", "join", "teardown")
OLDER = {("define_metric", "goal")}
"""Arguments that only older clients have; by their names alone."""
OWN_DEFAULTS = {("init", "anonymous"), ("login", "anonymous"), ("log_code", "include_fn"), ("log_code", "exclude_fn")}
"""Objects of the original's own, which nobody passes."""


def _parameters(function: Callable[..., object]) -> list[tuple[str, object, object]]:
    return [
        (each.name, each.kind, None if (function.__name__, each.name) in OWN_DEFAULTS else each.default)
        for each in inspect.signature(function).parameters.values()
        if (function.__name__, each.name) not in OLDER
    ]


def _public(kind: type) -> dict[str, Any]:
    members = {name: inspect.getattr_static(kind, name) for name in dir(kind)}
    return {name: member for name, member in members.items() if not name.startswith("_")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_originals_parameters(original: Any, name: str) -> None:
    assert _parameters(getattr(wandb, name)) == _parameters(getattr(original, name))


def test_methods_of_a_run_have_the_originals_parameters(original: Any) -> None:
    methods = {name: each for name, each in _public(original.Run).items() if callable(each)}
    assert len(methods) > 20
    for name in (*methods, "__enter__", "__exit__"):
        assert _parameters(getattr(wandb.Run, name)) == _parameters(getattr(original.Run, name)), name


def test_properties_of_a_run_are_there_and_those_that_can_be_set_can_be_set(original: Any) -> None:
    properties = {name: each for name, each in _public(original.Run).items() if isinstance(each, property)}
    assert len(properties) > 20
    for name, each in properties.items():
        ours = inspect.getattr_static(wandb.Run, name)
        assert (ours.fset is not None) == (each.fset is not None), name


@pytest.mark.parametrize("ours", [wandb.Config, ConfigStatic, Summary, Metric])
def test_objects_of_a_run_have_the_originals_methods(original: Any, ours: type) -> None:
    module = getattr(original.sdk, f"wandb_{ours.__name__.removesuffix('Static').lower()}")
    locks = {"update_locked", "merge_locked"}  # how sweeps and launches set a config; neither is here
    for name, each in _public(getattr(module, ours.__name__)).items():
        if callable(each) and name not in locks:
            assert _names(getattr(ours, name)) == _names(each), name


def _names(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", ["log", "define_metric", "watch", "save", "alert", "log_artifact", "restore"])
def test_functions_of_the_current_run_are_those_of_its_methods(name: str) -> None:
    ours = inspect.signature(getattr(wandb, name)).parameters
    assert list(ours)[-3:] == list(inspect.signature(getattr(wandb.Run, name)).parameters)[-3:]


def test_every_name_of_the_module_is_there(original: Any) -> None:
    names = {name for name, each in vars(original).items() if not (name.startswith("_") or inspect.ismodule(each))}
    names |= {*original.__all__, "errors", "integration", "keras", "plot", "sdk", "util"}
    assert [name for name in sorted(names) if not hasattr(wandb, name)] == []
    assert [name for name in original.errors.__all__ if not hasattr(wandb.errors, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        wandb.nonsense  # noqa: B018  that is what is asked


def test_data_types_are_types_and_take_whatever_is_done_to_them(original: Any) -> None:
    for name in ("Image", "Histogram", "Table", "Audio", "Video", "Html", "Object3D", "Molecule", "Plotly", "Artifact"):
        made = getattr(wandb, name)([[1, 2]], caption="c", columns=["a"])
        assert isinstance(made, getattr(wandb, name))
    table = wandb.Table(columns=["a"])
    table.add_data(1)
    table["a"] = table["b"]
    with wandb.Artifact("name", type="model").new_file("file") as file:
        file.write("text")
    assert list(table) == []
    wandb.plot.line_series([1], [2], title="t")
    assert isinstance(wandb.keras.WandbCallback(), object)


@pytest.mark.parametrize("name", ["agent", "sweep", "controller", "Api", "attach"])
def test_what_cannot_be_passed_over_says_so(name: str) -> None:
    with pytest.raises(UnsupportedError, match="import the original for it"):
        getattr(wandb, name)("x", function=print)
    assert issubclass(UnsupportedError, wandb.Error)
