"""Which experiment the next runs of this process belong to: as in the original, for all its threads.

``set_experiment`` wins over ``SITEWIRE_EXPERIMENT``, and that over ``MLFLOW_EXPERIMENT_NAME``. The
last is set too, so that processes that this one starts inherit the choice, as from the original.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from sitewire.collectors.mlflow.exceptions import MlflowException
from sitewire.collectors.mlflow.known_runs import not_collected
from sitewire.collectors.mlflow.snapshots import Experiment
from sitewire.collectors.mlflow.words import words
from sitewire.collectors.settings import resolve

_VARIABLE: Final = "MLFLOW_EXPERIMENT_NAME"

_chosen: Final[dict[str, str]] = {}
"""The experiment of this process, under ``name``, once it was set."""


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None, trace_location: object | None = None
) -> Experiment:
    """Choose the experiment of the runs that are started from now on; runs that have begun stay where they are.

    Args:
        experiment_name: its name.
        experiment_id: the same: what ``Experiment.experiment_id`` said.
        trace_location: not collected.

    Raises:
        MlflowException: none or both are given, as in the original, or the name is none.
    """
    if (experiment_name is None) == (experiment_id is None):
        msg = "Must specify exactly one of: `experiment_id` or `experiment_name`."
        raise MlflowException(msg)
    name = create_experiment(str(experiment_id) if experiment_name is None else experiment_name)
    if trace_location is not None:
        not_collected("set_experiment(trace_location)")
    _chosen["name"] = os.environ[_VARIABLE] = name
    return get_experiment(name)


def create_experiment(
    name: str,
    artifact_location: str | None = None,
    tags: Mapping[str, object] | None = None,
    trace_location: object | None = None,
) -> str:
    """Return the experiment's id, which is its name. The tracker makes it when a run of it arrives.

    Raises:
        MlflowException: the name is empty, or holds a NUL character.
    """
    for what, value in (("artifact_location", artifact_location), ("tags", tags), ("trace_location", trace_location)):
        if value:
            not_collected(f"create_experiment({what})")
    experiment = words("experiment", name)
    if experiment is None or "\0" in experiment:
        msg = f"Not the name of an experiment: {name!r:.80}"
        raise MlflowException(msg)
    return experiment


def get_experiment(experiment_id: str) -> Experiment:
    """Return the experiment of this id, which is its name: there is each one that a run may belong to."""
    name = words("experiment", experiment_id) or ""
    return Experiment(name, name)


def get_experiment_by_name(name: str) -> Experiment | None:
    """Return the experiment of this name; see ``get_experiment``."""
    return get_experiment(name)


def experiment_of(experiment_id: object) -> str | None:
    """Return the argument ``experiment`` of the next run.

    Args:
        experiment_id: what ``start_run`` was given.
    """
    if experiment_id is not None:
        return words("experiment", experiment_id)
    if "name" in _chosen or "SITEWIRE_EXPERIMENT" in os.environ:
        return _chosen.get("name")
    return words("experiment", os.environ.get(_VARIABLE))


def current_experiment() -> str:
    """Return the experiment that a run would belong to that is started now."""
    return resolve({"experiment": experiment_of(None)}).experiment
