"""What is said of a run as a whole: parameters, tags, figures, and how its metrics are to be shown."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

from sitewire.collectors.refusals import Reason, describe
from sitewire.schemas.record import Kind


class Facts(ABC):
    """Calls of ``Run`` that log one record a fact. None raises or waits, as ``Run.append`` does not."""

    @abstractmethod
    def append(self, kind: Kind, name: str, value: object, *, time: float | None = None) -> None:
        """Log a record."""

    @abstractmethod
    def refuse(self, reason: Reason, message: str, *, once: str = "") -> None:
        """Count a call that cannot be recorded."""

    def log_param(self, name: str, value: object) -> None:
        """Log a parameter of the run, known from its beginning: a number, boolean, text or ``None``.

        Args:
            name: any text, up to 1024 bytes.
            value: a number of any library; anything else is logged as its ``str()``.
        """
        self.append(Kind.PARAM, name, value)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log several parameters; one that is refused leaves the others be. See ``log_param``."""
        self._append_each(Kind.PARAM, params)

    def set_tag(self, name: str, value: object) -> None:
        """Say something by which the run is found: ``set_tag("team", "red")``. The last value of a name counts.

        Args:
            name: any text, up to 1024 bytes.
            value: logged as its ``str()``; with empty text the tag is a label that stands for itself.
        """
        self.append(Kind.TAG, name, value)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set several tags; one that is refused leaves the others be. See ``set_tag``."""
        self._append_each(Kind.TAG, tags)

    def log_summary(self, name: str, value: object) -> None:
        """Log a figure of the whole run, such as its best accuracy. The last value of a name counts.

        Args:
            name: any text, up to 1024 bytes.
            value: a number of any library; anything else is logged as its ``str()``.
        """
        self.append(Kind.SUMMARY, name, value)

    def define(
        self,
        name: str,
        *,
        step_metric: str | None = None,
        summary: str | None = None,
        goal: str | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Say how a metric is to be shown, where a tracker can: the words of ``wandb.define_metric``.

        Args:
            name: the metric's; ``*`` at its end stands for any end.
            step_metric: the metric that is its axis.
            summary: what is shown of it as the run's figure: ``min``, ``max``, ``mean``, ``last``, ``best``, ...
            goal: ``minimize`` or ``maximize``.
            hidden: leave it out of what is shown by default.
        """
        how = {"step_metric": step_metric, "summary": summary, "goal": goal, "hidden": hidden}
        self.append(Kind.DEFINITION, name, {key: value for key, value in how.items() if value is not None})

    def _append_each(self, kind: Kind, values: Mapping[str, object]) -> None:
        try:
            items = list(values.items())
        except Exception as error:  # noqa: BLE001  not a mapping, or a foreign one, which may raise anything
            self.refuse(Reason.VALUE, f"not values by name: {describe(values)} ({type(error).__name__})")
            return
        at = time.time()
        for name, value in items:
            self.append(kind, name, value, time=at)
