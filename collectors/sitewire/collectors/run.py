"""One run of a trainer at one site. ``from sitewire.collectors import Run``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import time as now
from types import TracebackType
from typing import Final, Self, TypeAlias

from sitewire.collectors import lifecycle
from sitewire.collectors.errors import Refused
from sitewire.collectors.facts import Facts
from sitewire.collectors.kinds import check_size, convert, numbers_of
from sitewire.collectors.recorder import Recorder, Status
from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.renaming import settings_after
from sitewire.collectors.settings import Settings, resolve
from sitewire.collectors.values import Scalar, Step, as_name, as_scalar, as_step, as_time
from sitewire.schemas import limits
from sitewire.schemas.record import Kind, Record

_MIN_STEP: Final = limits.MIN_STEP
_MAX_STEP: Final = limits.MAX_STEP
_Rare: TypeAlias = tuple[int | None, int | None, str | None, str | None]
_NOTHING_RARE: Final[_Rare] = (None, None, None, None)
"""Round, epoch, context, series."""

_MAX_KNOWN_NAMES: Final = 10_000
"""Names remembered as checked: a program that makes up names without end must not fill the memory."""


class Run(Facts):
    """Logs one run. Making one writes nothing; the first record opens the spool.

    No method that logs ever raises or waits: what cannot be recorded is counted by reason and
    logged once. All of them are safe from any thread, from signal handlers, and after a fork,
    where the child goes on with the same run through a writer of its own.

    Arguments win over the variable ``SITEWIRE_<ARGUMENT>``. Runs of one process that are not named
    share one id; re-running a notebook's cell goes on with the run.

    Args:
        run: the id that all sites of a job share; 1 to 64 characters.
        site: this site's name; the host name by default.
        experiment: what the run belongs to.
        name: what people call the run; the tracker shows the site's name if nobody has said one.
        parent: id of the run, at this site, that this one is nested in; it has no variable, nor have the last two.
        group: what the run is shown together with.
        job: the job that started it, as a scheduler calls it.
        job_type: what part of the job it is: ``train``, ``eval``, ...
        notes: text about the run, up to 64 KiB; Markdown, where the tracker renders it.
        url: ``nats://`` or ``tls://`` of the broker; without one, records wait in the spool.
        creds: a ``.creds`` or nkey seed file.
        ca: a PEM file with the authority of the broker's certificate.
        spool: directory of the spool.
        publish: ``thread`` of this process, or ``none`` of it because a sidecar publishes.
        exit_timeout: seconds that the end of the program may take.
        spool_bytes: bound of what waits in the spool for this process.
        spool_policy: what happens at that bound: ``drop_oldest``, ``drop_newest`` or ``block`` (50 ms at most).
        disabled: log calls do nothing.

    Raises:
        SettingsInvalid: an argument is unusable. Unusable variables are reported and never raise.
    """

    def __init__(  # noqa: PLR0913  the settings, each by its name
        self,
        run: str | None = None,
        *,
        site: str | None = None,
        experiment: str | None = None,
        name: str | None = None,
        parent: str | None = None,
        group: str | None = None,
        job: str | None = None,
        job_type: str | None = None,
        notes: str | None = None,
        url: str | None = None,
        creds: str | Path | None = None,
        ca: str | Path | None = None,
        spool: str | Path | None = None,
        publish: str | None = None,
        exit_timeout: float | None = None,
        spool_bytes: int | None = None,
        spool_policy: str | None = None,
        disabled: bool | None = None,
    ) -> None:
        arguments = {argument: value for argument, value in locals().items() if argument != "self"}
        self._begin(resolve(arguments))

    def _begin(self, settings: Settings) -> None:
        lifecycle.finish_forgotten()
        self._settings = settings
        self._recorder = Recorder(settings, self)
        self._known: set[str] = set()
        if not settings.disabled:
            for problem in settings.problems:
                lifecycle.tell(problem)
            if settings.off is not None:
                lifecycle.tell(settings.off, logging.ERROR)

    @property
    def site(self) -> str:
        """This site's name."""
        return self._settings.site

    @property
    def run(self) -> str:
        """The id that all sites of the job share."""
        return self._settings.run

    @property
    def experiment(self) -> str:
        """What the run belongs to."""
        return self._settings.experiment

    @property
    def refused(self) -> Mapping[str, int]:
        """How many log calls of this process were refused so far, by reason."""
        return self._recorder.refusals.counts()

    def log_scalar(self, name: str, value: Scalar, step: Step = None, time: float | None = None) -> None:
        """Log one number.

        Args:
            name: any text, up to 1024 bytes.
            value: a number of any library; an array may have one element.
            step: signed 64 bit; none is "no step", which is not 0.
            time: seconds since the epoch, UTC; now by default.
        """
        try:
            # What nearly every call looks like, with nothing but what it needs.
            if (
                type(value) is float
                and type(name) is str
                and name in self._known
                and time is None
                and (step is None or (type(step) is int and _MIN_STEP <= step <= _MAX_STEP))
            ):
                self._recorder.append_scalar(name, value, now(), step)
                return
            if self._collects():
                at = now() if time is None else as_time(time)
                self._recorder.append_scalar(self._checked(name), as_scalar(value), at, as_step(step))
        except Exception as error:  # noqa: BLE001  whatever is wrong here, training goes on
            self._refuse(error, name)

    def log(
        self,
        metrics: Mapping[str, Scalar] | str,
        value: Scalar | None = None,
        *,
        step: Step = None,
        time: float | None = None,
        round: Step = None,  # noqa: A002  the record's field
        epoch: Step = None,
        context: str | None = None,
    ) -> None:
        """Log several numbers, ``log({"loss": 0.5, "accuracy": 0.9}, step=3)``, or one, ``log("loss", 0.5)``.

        A number that is refused leaves the others be. All get the same time.

        Args:
            metrics: numbers by name, or the name of one.
            value: the number, with the name of one.
            step: signed 64 bit; none is "no step", which is not 0.
            time: seconds since the epoch, UTC; now by default.
            round: federated round.
            epoch: epoch.
            context: ``train``, ``validation``, ...
        """
        if not self._collects():
            return
        try:
            items = numbers_of(metrics, value)
            at, count = now() if time is None else as_time(time), as_step(step)
            rare = _NOTHING_RARE
            if round is not None or epoch is not None or context is not None:
                rare = _rare(round, epoch, context, None)
            for name, number in items:
                if rare is _NOTHING_RARE and type(number) is float and type(name) is str and name in self._known:
                    self._recorder.append_scalar(name, number, at, count)
                else:
                    self._log_one(name, number, at, count, rare)
        except Exception as error:  # noqa: BLE001  whatever is wrong here, training goes on
            self._refuse(error)

    def log_text(
        self,
        name: str,
        text: str,
        step: Step = None,
        time: float | None = None,
        *,
        round: Step = None,  # noqa: A002  the record's field
        epoch: Step = None,
        context: str | None = None,
    ) -> None:
        """Log text; Markdown, where the tracker renders it.

        Args:
            name: any text, up to 1024 bytes.
            text: up to 256 KiB.
            step: signed 64 bit, or none.
            time: seconds since the epoch, UTC; now by default.
            round: federated round.
            epoch: epoch.
            context: ``train``, ``validation``, ...
        """
        self.append(Kind.TEXT, name, text, step=step, time=time, round=round, epoch=epoch, context=context)

    def log_hparams(self, params: Mapping[str, object], metrics: Mapping[str, Scalar] | None = None) -> None:
        """Log hyperparameters, and the metrics that they led to, if known by now.

        Args:
            params: numbers, booleans and text by name; anything else is logged as its ``str()``.
            metrics: numbers by name, logged as scalars too.
        """
        metrics = {} if metrics is None else metrics
        self.append(Kind.HPARAMS, "hparams", {"params": params, "metrics": metrics})
        self.log(metrics)

    def append(  # noqa: PLR0913  a record's fields, each by its name
        self,
        kind: Kind,
        name: str,
        value: object,
        *,
        step: Step = None,
        time: float | None = None,
        round: Step = None,  # noqa: A002  the record's field
        epoch: Step = None,
        context: str | None = None,
        series: str | None = None,
        truncate: bool = False,
    ) -> None:
        """Log a record of any kind: what the stand-ins of other libraries are written on.

        Args:
            kind: any but ``run_start`` and ``run_end``, which the run itself writes.
            name: any text, up to 1024 bytes.
            value: typed by the kind; of hparams, both maps as they came.
            step: an integer, or none.
            time: seconds since the epoch, UTC; now by default.
            round: federated round.
            epoch: epoch.
            context: ``train``, ``validation``, ...
            series: sub-directory of the run.
            truncate: cut off the fraction of a step.
        """
        if not self._collects():
            return
        try:
            at = now() if time is None else as_time(time)
            count = as_step(step, truncate=truncate)
            rare = _rare(round, epoch, context, series)
            record = Record(kind, self._checked(name), convert(kind, value), at, count, *rare)
            if kind is not Kind.SCALAR:
                check_size(record)
            self._recorder.append(record)
            if kind is Kind.TAG:
                self._settings = self._recorder.settings = settings_after(self._settings, record)
        except Exception as error:  # noqa: BLE001  whatever is wrong here, training goes on
            self._refuse(error, name)

    def refuse(self, reason: Reason, message: str, *, once: str = "") -> None:
        """Count a call that cannot be recorded; see ``Refusals.count``."""
        if self._collects():
            self._recorder.refusals.count(reason, message, once=once)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the broker has what was logged before. Nothing is at stake: the spool has it already.

        Args:
            timeout: seconds at most; the exit timeout by default.

        Returns:
            Whether the broker has it; ``False`` at once if this process does not publish.
        """
        publisher = lifecycle.publisher_of(self._settings)
        if publisher is None:
            return False
        return publisher.flush(self._settings.exit_timeout if timeout is None else timeout)

    def finish(self, status: Status = "finished") -> None:
        """End the run in this process; a second call does nothing. What is not yet published follows in the background.

        Args:
            status: ``finished`` or ``failed``.

        Raises:
            ValueError: another status.
        """
        if status not in ("finished", "failed"):
            msg = f"a run ends finished or failed, not {status!r}"
            raise ValueError(msg)
        self._recorder.finish(status)

    def resume(self) -> None:
        """Go on after ``finish``, with a new writer of the same run."""
        self._recorder.resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.finish("finished" if kind is None else "failed")

    def __reduce__(self) -> tuple[object, ...]:
        """Send the settings to another process: there it is the same run, through a writer of its own."""
        return _restore, (replace(self._settings, fresh=False, problems=()),)  # said here, not there once more

    def __repr__(self) -> str:
        return f"Run({self.run!r}, site={self.site!r}, experiment={self.experiment!r})"

    def _collects(self) -> bool:
        settings = self._settings
        if settings.off is not None and not settings.disabled:
            self._recorder.refusals.count(Reason.OFF, settings.off)
        return settings.collects

    def _checked(self, name: object) -> str:
        if type(name) is str and name in self._known:
            return name
        known = as_name(name)
        if len(self._known) >= _MAX_KNOWN_NAMES:
            self._known.clear()
        self._known.add(known)
        return known

    def _log_one(self, name: object, value: object, at: float, step: int | None, rare: _Rare) -> None:
        try:
            known, number = self._checked(name), as_scalar(value)
            if rare is _NOTHING_RARE:
                self._recorder.append_scalar(known, number, at, step)
            else:
                self._recorder.append(Record(Kind.SCALAR, known, number, at, step, *rare))
        except Exception as error:  # noqa: BLE001  whatever is wrong with this one, the others are logged
            self._refuse(error, name)

    def _refuse(self, error: Exception, name: object = None) -> None:
        if isinstance(error, Refused):
            where = f"{describe(name)}: " if type(name) is str and error.reason is not Reason.NAME else ""
            self._recorder.refusals.count(error.reason, where + str(error))
        else:
            self._recorder.refusals.count(Reason.INTERNAL, f"a fault of sitewire: {type(error).__name__}: {error}")


def _restore(settings: Settings) -> Run:
    run = Run.__new__(Run)
    run._begin(settings)  # noqa: SLF001  the second way to make one: pickle has no arguments by name
    return run


def _rare(round_: Step, epoch: Step, context: str | None, series: str | None) -> _Rare:
    return (
        as_step(round_),
        as_step(epoch),
        None if context is None else as_name(context),
        None if series is None else as_name(series),
    )
