"""How a metric is to be shown: what ``define_metric`` takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sitewire.collectors.run import Run
from sitewire.collectors.wandb.errors import Error

_SUMMARIES: Final = frozenset({"min", "max", "mean", "last", "first", "copy", "none", "best"})
"""``best`` is of older clients."""

_TYPES: Final[Mapping[str, type]] = {
    "name": str,
    "step_metric": str,
    "step_sync": bool,
    "hidden": bool,
    "summary": str,
    "overwrite": bool,
    "goal": str,
}


class Metric:
    """One call of ``define_metric``; programs may read it, and give it as another metric's axis.

    Attributes:
        name: the metric's; ``*`` at its end stands for any end.
        step_metric: the metric that is its axis.
        step_sync: whether rows without the axis get its last value; true if there is an axis.
        hidden: whether it is left out of what is shown by default.
        summary: what is shown of it as the run's figure.
        goal: ``minimize`` or ``maximize``.
        overwrite: whether earlier calls for this name are forgotten.
    """

    def __init__(
        self,
        name: str,
        step_metric: str | None = None,
        step_sync: bool | None = None,  # noqa: FBT001  the original's
        hidden: bool | None = None,  # noqa: FBT001
        summary: tuple[str, ...] | None = None,
        overwrite: bool | None = None,  # noqa: FBT001
        goal: str | None = None,
    ) -> None:
        self.name = name
        self.step_metric = step_metric
        self.step_sync = step_sync if step_sync is not None else step_metric is not None
        self.hidden = hidden
        self.summary = summary
        self.goal = goal
        self.overwrite = overwrite


class Metrics:
    """The definitions of one run. A later one for the same name adds to the earlier, unless it is to replace it.

    Args:
        run: where they go.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[str, dict[str, object]] = {}

    def define(self, arguments: Mapping[str, object]) -> Metric:
        """Define a metric.

        Args:
            arguments: those of ``define_metric``, by name.

        Raises:
            Error: one of them is of a wrong type, or says what there is not.
        """
        given = {key: item.name if isinstance(item, Metric) else item for key, item in arguments.items()}
        _check(given)
        metric = Metric(**{**given, "summary": _summaries(given["summary"])})  # type: ignore[arg-type]  # just checked
        said = {
            "step_metric": metric.step_metric,
            "summary": ",".join(metric.summary or ()) or None,
            "goal": metric.goal,
            "hidden": metric.hidden,
        }
        how = {} if metric.overwrite else dict(self._known.get(metric.name, {}))
        how.update({key: item for key, item in said.items() if item is not None})
        self._known[metric.name] = how
        self._run.define(metric.name, **how)  # type: ignore[arg-type]  # likewise
        return metric


def _check(given: Mapping[str, object]) -> None:
    name = given["name"]
    if not name:
        msg = "define_metric() requires non-empty name argument"
        raise Error(msg)
    for key, item in given.items():
        if item is not None and not isinstance(item, _TYPES[key]):
            msg = f"Unhandled define_metric() arg: {key} type: {type(item).__name__}"
            raise Error(msg)
    if "*" in str(name)[:-1]:
        msg = f"Unhandled define_metric() arg: name (glob suffixes only): {name}"
        raise Error(msg)


def _summaries(summary: object) -> tuple[str, ...] | None:
    if not summary:
        return None
    found = tuple(item.lower() for item in str(summary).split(","))
    for item in found:
        if item not in _SUMMARIES:
            msg = f"Unhandled define_metric() arg: summary op: {item}"
            raise Error(msg)
    return found
