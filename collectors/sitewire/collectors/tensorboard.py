"""``SummaryWriter`` with the syntax of ``torch.utils.tensorboard`` and tensorboardX, over a run of ours.

    from sitewire.collectors.tensorboard import SummaryWriter

is the only line of a trainer that changes. All writers of a process share one run, made from the
environment; ``series`` says what their directories become. Nothing is written to ``log_dir``.
"""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sitewire.collectors.recorder import Status
from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.run import Run
from sitewire.collectors.series import Places, below
from sitewire.collectors.uncollected import Uncollected
from sitewire.collectors.values import Scalar, Step
from sitewire.schemas.record import Kind
from sitewire.schemas.series import unnamed

_default: Final[dict[str, Run]] = {}
"""The run of the writers that were given none, once there is one."""

_places: Final[weakref.WeakKeyDictionary[Run, Places]] = weakref.WeakKeyDictionary()


class SummaryWriter(Uncollected):
    """Logs to the run of this process, or to a given one.

    The signatures are those of ``torch.utils.tensorboard`` 2.13, with tensorboardX 2.6's additions
    behind them. No method raises or waits for what it is given; see ``Run``. Values keep their
    double precision, ``new_style`` or not. A step's fraction is cut off; no step stays no step.

    Args:
        log_dir: which series of the run this is; ``runs/<time>_<host><comment>`` by default.
        comment: end of the default ``log_dir``.
        purge_step: not collected: a resumed run keeps what was logged after this step.
        max_queue: without meaning here, each record is in the spool when its call returns.
        flush_secs: likewise.
        filename_suffix: likewise: the worker names files.
        write_to_disk: ``False``: this writer logs nothing (as ranks other than 0 do).
        logdir: tensorboardX's name of ``log_dir``.
        run: log to this run, which its owner finishes, instead of the process's.
    """

    def __init__(  # noqa: PLR0913  the originals' arguments
        self,
        log_dir: str | Path | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,  # noqa: ARG002  the originals'; see above
        flush_secs: float = 120,  # noqa: ARG002
        filename_suffix: str = "",  # noqa: ARG002
        write_to_disk: bool = True,  # noqa: FBT001, FBT002  the original's
        *,
        logdir: str | Path | None = None,
        comet_config: Mapping[str, object] | None = None,  # noqa: ARG002  the original's
        run: Run | None = None,
    ) -> None:
        chosen = os.fspath(log_dir or logdir or "")
        self.log_dir = self.logdir = chosen or f"runs/{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
        self.purge_step = purge_step
        self._run = run or _default.get("run") or _default.setdefault("run", Run())
        self._owns = run is None
        self._writes = write_to_disk
        self._open = False
        self._step: int | None = None
        self._walltime: float | None = None
        self._series = _places.setdefault(self._run, Places()).series(self.log_dir) if write_to_disk else None
        self._reopen()
        if purge_step is not None:
            self._run.refuse(Reason.NOT_COLLECTED, "purge_step: earlier records of the run stay", once="purge_step")

    def get_logdir(self) -> str:
        """Return the directory that this writer was given; nothing is written there."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Scalar,
        global_step: Step = None,
        walltime: float | None = None,
        new_style: bool = False,  # noqa: ARG002, FBT001, FBT002  the originals'; about the encoding in event files
        double_precision: bool = False,  # noqa: ARG002, FBT001, FBT002
        display_name: str = "",  # noqa: ARG002
        summary_description: str = "",  # noqa: ARG002
    ) -> None:
        """Log one number; see ``Run.log_scalar``."""
        step = self._step if global_step is None else global_step
        at = self._walltime if walltime is None else walltime
        if self._series is None and self._open and (type(step) is int or step is None):
            self._run.log_scalar(tag, scalar_value, step, at)
        else:
            self._append(Kind.SCALAR, tag, scalar_value, step, at, self._series)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Scalar],
        global_step: Step = None,
        walltime: float | None = None,
    ) -> None:
        """Log numbers that belong into one plot: each is named ``main_tag`` in the series ``<main_tag>_<key>``."""
        step, at = self._defaults(global_step, walltime)
        at = time.time() if at is None else at
        for tag, value in self._pairs(tag_scalar_dict):
            names: tuple[object, object] = main_tag, tag
            if all(isinstance(name, str) for name in names):
                line = f"{main_tag.replace('/', '_')}_{tag}"
                self._append(Kind.SCALAR, main_tag, value, step, at, below(self._series, line))
            else:
                self._run.refuse(Reason.NAME, f"names are text, not {describe(main_tag)} and {describe(tag)}")

    def add_text(self, tag: str, text_string: str, global_step: Step = None, walltime: float | None = None) -> None:
        """Log text; see ``Run.log_text``."""
        step, at = self._defaults(global_step, walltime)
        self._append(Kind.TEXT, tag, text_string, step, at, self._series)

    def add_hparams(
        self,
        hparam_dict: Mapping[str, object],
        metric_dict: Mapping[str, Scalar],
        hparam_domain_discrete: Mapping[str, object] | str | None = None,
        run_name: str | None = None,
        global_step: Step = None,
        name: str | None = None,
    ) -> None:
        """Log a session of the hparams page: parameters and metrics in a series of their own.

        Args:
            hparam_dict: parameters; see ``Run.log_hparams``.
            metric_dict: numbers by name.
            hparam_domain_discrete: not recorded; tensorboardX has ``name`` in this place.
            run_name: of the series. Without one it is the time, and says that nobody has named it: only
                TensorBoard shows it then.
            global_step: of the metrics.
            name: tensorboardX's name of ``run_name``.
        """
        third = hparam_domain_discrete if isinstance(hparam_domain_discrete, str) else None
        at = time.time()
        series = below(self._series, str(run_name or name or third or unnamed(at)))
        self._append(Kind.HPARAMS, "hparams", {"params": hparam_dict, "metrics": metric_dict}, None, at, series)
        for tag, value in self._pairs(metric_dict):
            self._append(Kind.SCALAR, tag, value, global_step, at, series)

    def flush(self) -> None:
        """Do nothing: each record was safe on this machine when its call returned (see ``Run.flush``)."""

    def close(self) -> None:
        """Close. With the last writer of the process's run, the run is finished; logging again resumes it."""
        self._close("finished")

    @contextmanager
    def use_metadata(self, *, global_step: int | None = None, walltime: float | None = None) -> Iterator[SummaryWriter]:
        """Set step and time for the calls inside that have none of their own."""
        before = self._step, self._walltime
        self._step, self._walltime = global_step, walltime
        try:
            yield self
        finally:
            self._step, self._walltime = before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._close("finished" if kind is None else "failed")

    def _defaults(self, step: Step, walltime: float | None) -> tuple[Step, float | None]:
        return self._step if step is None else step, self._walltime if walltime is None else walltime

    def _pairs(self, items: object) -> list[tuple[str, object]]:
        if isinstance(items, Mapping):
            return list(items.items())
        self._run.refuse(Reason.VALUE, f"not numbers by name: {describe(items)}")
        return []

    def _append(self, kind: Kind, name: str, value: object, step: Step, at: float | None, series: str | None) -> None:
        if not self._open:
            self._reopen()
        if self._open:
            self._run.append(kind, name, value, step=step, time=at, series=series, truncate=True)

    def _reopen(self) -> None:
        if self._writes:
            self._open = True
            if self._owns:
                _writers.add(self)
                self._run.resume()

    def _close(self, status: Status) -> None:
        was_open, self._open = self._open, False
        if was_open and self._owns:
            _writers.discard(self)
            if not _writers:
                self._run.finish(status)


_writers: Final[weakref.WeakSet[SummaryWriter]] = weakref.WeakSet()
"""The open writers of the process's run; one that was forgotten without ``close`` keeps nothing open."""
