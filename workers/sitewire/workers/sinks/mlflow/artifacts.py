"""Artifacts that are not stored through a tracking server: MLflow's own repositories, by the artifact URI."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from sitewire.workers.sinks.mlflow.errors import mlflow_errors_as_ours


def upload(artifact_uri: str, tracking_uri: str, path: str, text: str) -> None:
    """Store a text at a path below a run's artifact URI; one that is there is replaced.

    Args:
        artifact_uri: a folder, or a bucket, which is reached with what MLflow finds in the environment.
        tracking_uri: the store that the run is in.
        path: below it.
        text: the content.

    Raises:
        WorkerError: it is not stored, or that is not known.
    """
    where = PurePosixPath(path)
    with tempfile.TemporaryDirectory(prefix="sitewire-") as folder, mlflow_errors_as_ours(artifact_uri):
        file = Path(folder) / where.name
        file.write_bytes(text.encode())
        repository = get_artifact_repository(artifact_uri, tracking_uri=tracking_uri)
        repository.log_artifact(str(file), None if len(where.parts) == 1 else str(where.parent))


def listed(artifact_uri: str, tracking_uri: str, folder: str) -> dict[str, bool]:
    """Return what lies in a folder below a run's artifact URI: whether it is a folder, by its path.

    Raises:
        WorkerError: it cannot be read.
    """
    with mlflow_errors_as_ours(artifact_uri):
        repository = get_artifact_repository(artifact_uri, tracking_uri=tracking_uri)
        return {str(file.path): bool(file.is_dir) for file in repository.list_artifacts(folder or None)}
