"""Points inside of MLflow, which the product cannot name: the parts of one ``log_batch`` are committed one by one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from support.checker.modules import set_method


class Inside(StrEnum):
    """A moment in the middle of one call, by what has just happened."""

    PARAMS_COMMITTED = "params_committed"
    """The params of a batch are in the database, its metrics and tags are not."""
    METRICS_COMMITTED = "metrics_committed"
    """Its metrics are too; its tags, with the position, are not."""


def watch(spring: Callable[[Inside], None]) -> None:
    """Have MLflow's own store call ``spring`` between the parts of a batch."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for name, point in (("_log_params", Inside.PARAMS_COMMITTED), ("_log_metrics", Inside.METRICS_COMMITTED)):
        set_method(SqlAlchemyStore, name, _followed(getattr(SqlAlchemyStore, name), spring, point))


def _followed(method: Callable[..., Any], spring: Callable[[Inside], None], point: Inside) -> Callable[..., Any]:
    def followed(*arguments: Any, **named: Any) -> Any:
        given = method(*arguments, **named)
        spring(point)
        return given

    return followed
