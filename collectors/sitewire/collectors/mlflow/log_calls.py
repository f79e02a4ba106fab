"""The calls that log. None raises or waits, whatever it is given; what cannot be recorded is counted.

``synchronous`` decides what a call returns and nothing else, see ``operations``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sitewire.collectors import parsers
from sitewire.collectors.mlflow.active import PARENT, current, here
from sitewire.collectors.mlflow.experiments import experiment_of
from sitewire.collectors.mlflow.known_runs import known_runs, not_collected
from sitewire.collectors.mlflow.operations import DONE, RunOperations, outcome
from sitewire.collectors.mlflow.values import as_number, as_numbers, as_param, as_seconds
from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.run import Run


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: FBT001
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: object | None = None,
) -> RunOperations | None:
    """Log one number to the active run, which is started if there is none.

    Args:
        key: its name.
        value: a number of any library, or one written as text, as the original takes it.
        step: an integer. None is recorded as "no step", which MLflow itself shows as 0.
        synchronous: see ``operations``.
        timestamp: milliseconds since the epoch, UTC; now by default.
        run_id: log to this run instead.
        model_id: not collected.
        dataset: not collected.
    """
    # What nearly every call looks like, with nothing but what it needs.
    if type(value) is float and timestamp is None and run_id is None and here.stack:
        here.stack[-1].log_to.log_scalar(key, value, step)
    elif (run := _run(run_id)) is not None:
        run.log_scalar(key, as_number(value), step, as_seconds(timestamp))
    if model_id is not None or dataset is not None:
        _refuse_context(model_id, dataset)
    return outcome(synchronous)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,  # noqa: FBT001
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: object | None = None,
) -> RunOperations | None:
    """Log several numbers at one time; one that is refused leaves the others be. See ``log_metric``."""
    if (run := _run(run_id)) is not None:
        run.log(as_numbers(metrics), step=step, time=as_seconds(timestamp))
    _refuse_context(model_id, dataset)
    return outcome(synchronous)


def log_param(key: str, value: object, synchronous: bool | None = None) -> object:  # noqa: FBT001  the original's
    """Log a parameter; returns its value, as the original does."""
    if (run := _run(None)) is not None:
        run.log_param(key, as_param(value))
    return value if outcome(synchronous) is None else DONE


def log_params(
    params: Mapping[str, object],
    synchronous: bool | None = None,  # noqa: FBT001  the original's
    run_id: str | None = None,
) -> RunOperations | None:
    """Log several parameters; one that is refused leaves the others be."""
    if (run := _run(run_id)) is not None:
        run.log_params(_each_param(params))
    return outcome(synchronous)


def set_tag(key: str, value: object, synchronous: bool | None = None) -> RunOperations | None:  # noqa: FBT001
    """Set a tag; its value is written by its ``str()``. A run that has begun is nested in no other any more."""
    if type(key) is str and key == PARENT:
        not_collected(f"set_tag({PARENT})")
    elif (run := _run(None)) is not None:
        run.set_tag(key, value)
    return outcome(synchronous)


def set_tags(
    tags: Mapping[str, object],
    synchronous: bool | None = None,  # noqa: FBT001  the original's
) -> RunOperations | None:
    """Set several tags; one that is refused leaves the others be."""
    if (run := _run(None)) is not None:
        run.set_tags(_without_parent(tags))
    return outcome(synchronous)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Log a text under the path that the original would give its file.

    Args:
        text: up to 256 KiB.
        artifact_file: ``notes/first.txt``.
        run_id: log to this run instead of the active one.
    """
    if (run := _run(run_id)) is not None:
        run.log_text(artifact_file, text)


def log_dict(dictionary: Mapping[str, object], artifact_file: str, run_id: str | None = None) -> None:
    """Log a dictionary, or a list, as JSON under the path that the original would give its file.

    ``.yaml`` and ``.yml`` get JSON as well, which every reader of YAML 1.2 reads: no YAML library is here.
    """
    if (run := _run(run_id)) is None:
        return
    try:
        text = json.dumps(dictionary, indent=2, default=str)
    except Exception as error:  # noqa: BLE001  str() is foreign code here and may raise anything
        run.refuse(Reason.TEXT, f"no JSON: {describe(dictionary)} ({type(error).__name__})")
    else:
        run.log_text(artifact_file, text)


def _run(run_id: object) -> Run | None:
    """Return where to log; ``None`` after the call has been counted, if that is nowhere."""
    if run_id is None:
        return current().log_to
    try:
        return known_runs.find(parsers.name(run_id), experiment_of(None))
    except ValueError as error:
        known_runs.refuse(Reason.NAME, f"run_id: {error}")
        return None


def _each_param(params: object) -> Mapping[str, object]:
    try:
        return {key: as_param(value) for key, value in params.items()}  # type: ignore[attr-defined]  # or it is counted
    except Exception:  # noqa: BLE001  not a mapping, or a foreign one, which may raise anything: the run counts it
        return params  # type: ignore[return-value]


def _without_parent(tags: Mapping[str, object]) -> Mapping[str, object]:
    try:
        if PARENT not in tags:
            return tags
        kept = {key: value for key, value in tags.items() if key != PARENT}
    except Exception:  # noqa: BLE001  not a mapping, or a foreign one, which may raise anything: the run counts it
        return tags
    not_collected(f"set_tag({PARENT})")
    return kept


def _refuse_context(model_id: object, dataset: object) -> None:
    if model_id is not None:
        not_collected("log_metric(model_id)")
    if dataset is not None:
        not_collected("log_metric(dataset)")
