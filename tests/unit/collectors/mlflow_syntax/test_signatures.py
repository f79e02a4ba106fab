"""The originals' names and signatures, compared with the installed MLflow."""

from __future__ import annotations

import inspect
import types

import mlflow as original
import pytest
from mlflow.utils.lazy_load import LazyLoader

from sitewire.collectors import mlflow
from sitewire.collectors.mlflow.absent import NAMES

OURS = [name for name in mlflow.__all__ if inspect.isfunction(getattr(mlflow, name))]

_INTERNAL = {
    "IS_TRACING_SDK_ONLY", "MLFLOW_CONFIGURE_LOGGING", "TYPE_CHECKING", "VERSION", "LazyLoader", "contextlib",
    "maybe_hint_tracing_skill", "set_telemetry_client", "mismatch",
}  # fmt: skip
"""What its package happens to have as well."""


def _shape(function: object) -> list[tuple[str, object, object]]:
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]  # of a function
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


@pytest.mark.parametrize("name", OURS)
def test_a_functions_parameters_are_the_originals_by_name_order_kind_and_default(name: str) -> None:
    assert _shape(getattr(mlflow, name)) == _shape(getattr(original, name))


def test_every_public_name_of_the_original_is_there() -> None:
    public = {name for name in {*dir(original), *original.__all__} if not name.startswith("_")} - _INTERNAL
    assert {name for name in public if not hasattr(mlflow, name) and not _is_submodule(name)} == set()


def _is_submodule(name: str) -> bool:
    # Those that are loaded by now, and differ by what was. The flavours, which load when they are used, are no such.
    found = getattr(original, name)
    return isinstance(found, types.ModuleType) and not isinstance(found, LazyLoader)


def test_no_name_is_said_to_be_absent_that_is_here_or_that_the_original_does_not_have() -> None:
    assert NAMES.isdisjoint(mlflow.__all__)
    submodules = {"artifacts", "deployments", "entities", "environment_variables", "gateway", "store", "pytest",
                  "system_metrics", "telemetry", "types", "utils", "version", "models", "projects"}  # fmt: skip
    assert {name for name in NAMES - submodules if not hasattr(original, name)} == set()


def test_a_slip_of_the_pen_stays_one() -> None:
    with pytest.raises(AttributeError, match="log_metrik"):
        mlflow.log_metrik("loss", 1.0)


def test_the_version_is_the_installed_ones() -> None:
    assert mlflow.__version__ == original.__version__
