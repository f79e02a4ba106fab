"""``wandb.Run`` over a run of ours."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from sitewire.collectors.errors import Refused
from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.run import Run as OurRun
from sitewire.collectors.values import as_step
from sitewire.collectors.wandb import active
from sitewire.collectors.wandb.about import About
from sitewire.collectors.wandb.request import Request
from sitewire.collectors.wandb.row import Rows
from sitewire.collectors.wandb.steps import Steps
from sitewire.collectors.wandb.uncollected import Uncollected
from sitewire.collectors.wandb.wandb_config import Config, ConfigStatic
from sitewire.collectors.wandb.wandb_metric import Metric, Metrics
from sitewire.collectors.wandb.wandb_summary import Summary


class Run(About, Uncollected):
    """A run as ``wandb.init`` returns it.

    ``log`` never raises or waits; see ``sitewire.collectors.Run``. The other methods raise what the original's
    raise for misuse of its own rules: a config value that is changed without leave, a definition that is none.

    Args:
        run: ours, which everything goes to.
        request: what ``init`` was asked for.

    Attributes:
        summary: figures of the whole run.
    """

    summary: Summary

    def __init__(self, run: OurRun, request: Request) -> None:
        super().__init__(run, request)
        self.summary = Summary(run)
        self._config = Config(run)
        self._metrics = Metrics(run)
        self._rows = Rows(run, self.summary.note)
        self._steps = Steps()

    @property
    def config(self) -> Config:
        """What the run was started with."""
        return self._config

    @property
    def config_static(self) -> ConfigStatic:
        """The config as it is now, not to be changed."""
        return ConfigStatic(self._config)

    @property
    def step(self) -> int:
        """The step of the next ``log`` that is given none."""
        return self._steps.next

    @property
    def refused(self) -> Mapping[str, int]:
        """How many log calls of this process were refused so far, by reason. The original has no such thing."""
        return self._run.refused

    def log(self, data: Mapping[str, object], step: int | None = None, commit: bool | None = None) -> None:  # noqa: FBT001  the original's
        """Log a row: each value at once, with the time of this call.

        Args:
            data: values by name. Numbers of any library are scalars, strings are text, the names in dictionaries
                are joined by dots; what is none of these is counted as not collected.
            step: the row's; without one, the current step.
            commit: whether the current step rises after this row; see ``Steps.take``.
        """
        try:
            if not isinstance(data, Mapping):
                raise Refused(Reason.NAME, f"wandb.log must be passed a dictionary, not {describe(data)}")  # noqa: TRY301  counted below, as what follows raises it
            at = self._steps.take(as_step(step), None if commit is None else bool(commit))
            self._rows.write(data, at)
        except Refused as error:
            self._run.refuse(Reason(error.reason), str(error))
        except Exception as error:  # noqa: BLE001  mappings are foreign code and may raise anything; training goes on
            self._run.refuse(Reason.VALUE, f"a row that cannot be read: {type(error).__name__}")

    def define_metric(
        self,
        name: str,
        step_metric: str | Metric | None = None,
        step_sync: bool | None = None,  # noqa: FBT001  the original's
        hidden: bool | None = None,  # noqa: FBT001
        summary: str | None = None,
        overwrite: bool | None = None,  # noqa: FBT001
        *,
        goal: str | None = None,
    ) -> Metric:
        """Say how a metric is to be shown, where a tracker can.

        Args:
            name: the metric's; ``*`` at its end stands for any end.
            step_metric: the metric that is its axis.
            step_sync: kept in what is returned: the tracker does as it does by default.
            hidden: leave it out of what is shown by default.
            summary: what is shown of it as the run's figure, separated by commas.
            overwrite: forget earlier definitions of this name.
            goal: ``minimize`` or ``maximize``; of older clients.

        Raises:
            Error: one of these is of a wrong type, or says what there is not.
        """
        arguments = {key: value for key, value in locals().items() if key != "self"}
        return self._metrics.define(arguments)

    def finish(self, exit_code: int | None = None) -> None:
        """End the run in this process; a second call does nothing.

        Args:
            exit_code: anything but 0 and none fails the run.
        """
        active.end(self)
        self._look_for_files()
        self._run.finish("failed" if exit_code else "finished")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.finish(0 if exc_type is None else 1)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Stay the same run in a copy of what holds it, as in the original."""
        return self

    def __repr__(self) -> str:
        return f"<wandb run {self.id!r} of {self._run!r}>"
