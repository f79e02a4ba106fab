"""MLflow's fluent functions over runs of ours: ``from sitewire.collectors import mlflow``.

Lives here: the functions with the signatures of MLflow 3.17.2, the stacks of active runs, and what answers for
everything that is not collected. May be changed here: how calls become calls of ``Run``; not the signatures,
which tests compare with the original's. May import: the standard library and ``sitewire``; never MLflow itself.

No log call raises or waits. ``start_run``, ``set_experiment`` and ``end_run`` raise where the original does and
for the same mistakes: they are no log calls, and a program that goes on in the wrong run would have to be
untangled by hand.
"""

from __future__ import annotations

from sitewire.collectors.mlflow import exceptions
from sitewire.collectors.mlflow.absent import NAMES, Absent
from sitewire.collectors.mlflow.active import (
    ActiveRun,
    active_run,
    end_run,
    get_parent_run,
    get_run,
    last_active_run,
    start_run,
)
from sitewire.collectors.mlflow.exceptions import MlflowException
from sitewire.collectors.mlflow.experiments import (
    create_experiment,
    get_experiment,
    get_experiment_by_name,
    set_experiment,
)
from sitewire.collectors.mlflow.log_calls import (
    log_dict,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    log_text,
    set_tag,
    set_tags,
)
from sitewire.collectors.mlflow.operations import (
    RunOperations,
    flush_artifact_async_logging,
    flush_async_logging,
)
from sitewire.collectors.mlflow.tracking_uri import get_tracking_uri, is_tracking_uri_set, set_tracking_uri
from sitewire.collectors.mlflow.uncollected import (
    autolog,
    delete_tag,
    get_artifact_uri,
    log_artifact,
    log_artifacts,
    log_figure,
    log_image,
    log_input,
    log_inputs,
    log_stream,
    log_table,
)

__version__ = "3.17.2"
"""Of the original whose signatures these are; programs ask for it."""

__all__ = [
    "ActiveRun",
    "MlflowException",
    "RunOperations",
    "active_run",
    "autolog",
    "create_experiment",
    "delete_tag",
    "end_run",
    "exceptions",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "set_experiment",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]


def __getattr__(name: str) -> Absent:
    """Answer for what the original has besides; a name that it does not have stays an ``AttributeError``."""
    if name in NAMES:
        return Absent(name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
