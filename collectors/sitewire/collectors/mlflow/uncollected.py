# ruff: noqa: ARG001, FBT001, FBT002, PLR0917  the signatures are the original's, and nothing here reads an argument
"""What the original logs and we do not: counted, told once for each name, never an error.

A run is started where the original starts one, so that the calls behind find the same active run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sitewire.collectors.mlflow.active import current
from sitewire.collectors.mlflow.known_runs import not_collected


def delete_tag(key: str) -> None:
    """Refuse to delete a tag: what was logged stays."""
    _refuse("delete_tag")


def log_artifact(local_path: str, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Refuse a file."""
    _refuse("log_artifact", run_id)


def log_artifacts(local_dir: str, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Refuse files."""
    _refuse("log_artifacts", run_id)


def log_figure(figure: object, artifact_file: str, *, save_kwargs: Mapping[str, object] | None = None) -> None:
    """Refuse a figure."""
    _refuse("log_figure")


def log_image(
    image: object,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,
) -> None:
    """Refuse an image."""
    _refuse("log_image")


def log_table(data: object, artifact_file: str, run_id: str | None = None) -> None:
    """Refuse a table."""
    _refuse("log_table", run_id)


def log_stream(stream: object, artifact_file: str, run_id: str | None = None) -> None:
    """Refuse a file, unread."""
    _refuse("log_stream", run_id)


def log_input(
    dataset: object | None = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: object | None = None,
) -> None:
    """Refuse a dataset."""
    _refuse("log_input")


def log_inputs(
    datasets: Sequence[object] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[object] | None = None,
) -> None:
    """Refuse datasets."""
    _refuse("log_inputs")


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return nothing: the tracker knows where it keeps artifacts."""
    _refuse("get_artifact_uri")
    return ""


def autolog(  # noqa: PLR0913  the original's
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    log_traces: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: Mapping[str, str] | None = None,
    exclude_flavors: Sequence[str] | None = None,
) -> None:
    """Refuse to log by itself what other libraries do."""
    if not disable:
        not_collected("autolog")


def _refuse(what: str, run_id: str | None = None) -> None:
    if run_id is None:
        current()
    not_collected(what)
