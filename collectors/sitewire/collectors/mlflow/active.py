"""The active runs of each thread, a stack as in the original, and what starts and ends them."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from sitewire.collectors import parsers
from sitewire.collectors.lifecycle import tell
from sitewire.collectors.mlflow.exceptions import MlflowException, RunAlreadyActive
from sitewire.collectors.mlflow.experiments import current_experiment, experiment_of
from sitewire.collectors.mlflow.known_runs import KnownRun, known_runs, not_collected
from sitewire.collectors.mlflow.snapshots import RUNNING, STATUSES, Run, RunData, RunInfo
from sitewire.collectors.mlflow.words import words

_NAME: Final = "mlflow.runName"
_NOTE: Final = "mlflow.note.content"
PARENT: Final = "mlflow.parentRunId"
_RUN_VARIABLE: Final = "MLFLOW_RUN_ID"


class ActiveRun(Run):
    """A run that lies on a thread's stack; as a context, it ends with the block: ``FAILED`` by an exception.

    Attributes:
        known: the run, and what is told about it.
        log_to: where its records go.
    """

    def __init__(self, known: KnownRun) -> None:
        now = known.snapshot()
        super().__init__(now.info, now.data)
        self.known = known
        self.log_to = known.run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        # By the id, and whatever lies on top: what the original does. Inside the block the run may have been ended.
        if any(run.info.run_id == self.info.run_id for run in here.stack):
            end_run("FINISHED" if kind is None else "FAILED")


class _Here(threading.local):
    """What one thread has.

    Attributes:
        stack: its active runs, the innermost last.
        last: id of the run that it has ended last.
    """

    def __init__(self) -> None:
        self.stack: list[ActiveRun] = []
        self.last: str | None = None


here: Final = _Here()


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,  # noqa: FBT001, FBT002
    parent_run_id: str | None = None,
    tags: Mapping[str, object] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,  # noqa: FBT001
) -> ActiveRun:
    """Start a run, or go on with one, and make it this thread's active run.

    The first run of a process has the id that ``SITEWIRE_RUN`` says, the next ones ``<that>-2``,
    ``-3``, ...: the same at every site of a job.

    Args:
        run_id: go on with this run, of this process or another: a new attempt of it.
        experiment_id: the experiment's name, instead of what was set.
        run_name: what people call the run.
        nested: it may be started within an active run, and is shown below that one.
        parent_run_id: it is shown below this one; within an active run, that one only.
        tags: by name.
        description: text about the run.
        log_system_metrics: not collected.

    Raises:
        RunAlreadyActive: a run is active in this thread, and ``nested`` is false.
        MlflowException: an id is none, the description is in the tags too, or the parent is not the active run.
    """
    if here.stack and not nested:
        raise RunAlreadyActive(here.stack[0].info.run_id)
    given = _given(tags, description)
    name, notes = words("name", run_name or given.get(_NAME)), words("notes", description or given.get(_NOTE))
    if chosen := run_id or _run_of_environment():
        known = known_runs.resume(_checked(chosen), experiment_of(experiment_id), name, notes)
    else:
        parent = _parent(parent_run_id) or _parent_of(given)
        known = known_runs.begin(experiment_of(experiment_id), name, parent, notes)
    known.tags.update(given | _described(known, notes))
    if tags is not None:
        known.run.set_tags(_without_said(given) if given else tags)
    if log_system_metrics:
        not_collected("start_run(log_system_metrics)")
    here.stack.append(ActiveRun(known))
    return here.stack[-1]


def end_run(status: str = "FINISHED") -> None:
    """End this thread's active run, if there is one. A killed run is shown as a failed one.

    Args:
        status: ``FINISHED``, ``FAILED`` or ``KILLED``; with ``RUNNING`` or ``SCHEDULED`` it is active no more, but
            goes on until the program ends.

    Raises:
        MlflowException: another status; the run is active no more, as in the original.
    """
    if not here.stack:
        return
    os.environ.pop(_RUN_VARIABLE, None)
    ended = here.stack.pop()
    here.last = ended.info.run_id
    status = status or "FINISHED"
    if status not in STATUSES:
        known_runs.release(ended.known, RUNNING)
        msg = f"Could not get run status corresponding to string {status}. Valid run status strings: {list(STATUSES)}"
        raise MlflowException(msg)
    known_runs.release(ended.known, status)


def active_run() -> ActiveRun | None:
    """Return this thread's active run, the innermost one."""
    return here.stack[-1] if here.stack else None


def last_active_run() -> Run | None:
    """Return this thread's active run, or the one that it ended last, as it is now."""
    if here.stack:
        return here.stack[-1]
    return None if here.last is None else get_run(here.last)


def get_run(run_id: str) -> Run:
    """Return what this process knows of a run, as it is now; of another process's only its id."""
    known = known_runs.get(str(run_id))
    if known is not None:
        return known.snapshot()
    not_collected("get_run of a run of another process")
    return Run(RunInfo(str(run_id), current_experiment(), RUNNING, 0, None, str(run_id)), RunData())


def get_parent_run(run_id: str) -> Run | None:
    """Return the run that a run of this process is nested in, if any."""
    known = known_runs.get(str(run_id))
    return None if known is None or known.parent is None else get_run(known.parent)


def current() -> ActiveRun:
    """Return this thread's active run; if there is none, start one, as the original's log calls do."""
    return here.stack[-1] if here.stack else start_run()


def _given(tags: object, description: object) -> dict[str, object]:
    if not isinstance(tags, Mapping):
        return {}  # whatever else it is, the run counts it
    if description and _NOTE in tags:
        msg = f"Description is already set via the tag {_NOTE} in tags. Remove it or omit the description."
        raise MlflowException(msg)
    return dict(tags)


def _described(known: KnownRun, notes: str | None) -> dict[str, str]:
    said = {_NAME: known.name or known.run.site, PARENT: known.parent, _NOTE: notes}
    return {key: text for key, text in said.items() if text is not None}


def _parent(parent_run_id: object) -> str | None:
    inside = here.stack[-1].info.run_id if here.stack else None
    if not parent_run_id:
        return inside
    parent = _checked(parent_run_id)
    if inside is not None and parent != inside:
        msg = (
            f"Current run with UUID {inside} does not match the specified parent_run_id {parent}. To start a new"
            f" nested run under the parent run with UUID {inside}, first end the current run with mlflow.end_run()."
        )
        raise MlflowException(msg)
    return parent


def _parent_of(tags: Mapping[str, object]) -> str | None:
    # Programs that know the original well nest a run by this tag.
    return _checked(tags[PARENT]) if PARENT in tags else None


def _without_said(tags: Mapping[str, object]) -> Mapping[str, object]:
    """Return the tags but those that the run's beginning says: MLflow's parent has another id than ours."""
    return {key: value for key, value in tags.items() if key not in (_NAME, _NOTE, PARENT)}


def _checked(run_id: object) -> str:
    try:
        return parsers.name(run_id)
    except ValueError as error:
        msg = f"Invalid run id: {error}"
        raise MlflowException(msg) from error


def _run_of_environment() -> str | None:
    """Return ``MLFLOW_RUN_ID``, once, as the original does; ``SITEWIRE_RUN`` wins, and no log call raises by it."""
    if _RUN_VARIABLE not in os.environ or "SITEWIRE_RUN" in os.environ:
        return None
    try:
        return parsers.name(os.environ.pop(_RUN_VARIABLE))
    except ValueError as error:
        tell(f"{_RUN_VARIABLE}: {error}; using a run of this process")
        return None


def _after_fork() -> None:
    # A child begins without active runs, as in the original; the parent's are the parent's to end.
    here.stack.clear()
    here.last = None


os.register_at_fork(after_in_child=_after_fork)
