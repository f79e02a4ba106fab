"""A tracking server: MLflow's ``RestStore`` over a channel of ours."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.proto_json_utils import parse_dict
from mlflow.utils.rest_utils import MlflowHostCreds

from sitewire.workers.sinks.mlflow.artifacts import listed, upload
from sitewire.workers.sinks.mlflow.channel import Channel
from sitewire.workers.sinks.mlflow.request import Metric, Request
from sitewire.workers.sinks.mlflow.tracked import Tracked
from sitewire.workers.sinks.mlflow.tracker import Tracker

LOG_BATCH: Final = "/api/2.0/mlflow/runs/log-batch"
ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
LIST_ARTIFACTS: Final = "/api/2.0/mlflow/artifacts/list"
_PROXIED: Final = "mlflow-artifacts:/"


class ServerTracker(Tracker):
    """A tracking server at a URL."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(_ChannelStore(channel), channel.url)
        self._channel = channel

    def log(self, run_id: str, request: Request) -> None:
        """Send a request, encoded here: MLflow's client makes a protobuf object of each point, and JSON of that."""
        self._channel.ask("POST", LOG_BATCH, encode(run_id, request))

    def upload(self, run: Tracked, path: str, text: str) -> None:
        """Store a text through the server, or where the run says that its artifacts are."""
        if _is_proxied(run):
            folder = run.artifact_uri.removeprefix(_PROXIED)
            self._channel.put(f"{ARTIFACTS}/{folder}/{quote(path)}", text.encode())
        else:
            upload(run.artifact_uri, self.uri, path, text)

    def listed(self, run: Tracked, folder: str) -> Mapping[str, bool]:
        """Ask the server, or the place where the run says that its artifacts are."""
        if not _is_proxied(run):
            return listed(run.artifact_uri, self.uri, folder)
        query = {"run_id": run.id} | ({"path": folder} if folder else {})
        files = self._channel.ask("GET", LIST_ARTIFACTS, query).get("files", ())
        return {file["path"]: bool(file.get("is_dir")) for file in files}

    def close(self) -> None:
        """Close connections that nobody uses."""
        self._channel.close()


def _is_proxied(run: Tracked) -> bool:
    """Whether the run's artifacts are stored through this server, and not in a bucket or through another one."""
    uri = run.artifact_uri
    return uri.startswith(_PROXIED) and not uri.startswith(f"{_PROXIED}/")


class _ChannelStore(RestStore):
    """MLflow's store; its own way to a server takes secrets from the environment, retries, and hides headers."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(lambda: MlflowHostCreds(channel.url))  # type: ignore[no-untyped-call]  # the store has no types
        self._channel = channel

    def _call_endpoint(
        self,
        api: Any,  # noqa: ANN401  a class of MLflow's protocol, which has no types
        json_body: str | None = None,
        endpoint: str | None = None,
        retry_timeout_seconds: float | None = None,  # noqa: ARG002  of Databricks' client
        response_proto: Any = None,  # noqa: ANN401  the same
    ) -> Any:  # noqa: ANN401  the same
        path, method = self._METHOD_TO_INFO[api]
        body = None if json_body is None else json.loads(json_body)
        answer = self._channel.ask(method, endpoint or path, body)
        response = response_proto or api.Response()
        parse_dict(js_dict=answer, message=response)
        return response


def encode(run_id: str, request: Request) -> bytes:
    """Return a request as the JSON that MLflow reads: numbers without a finite value are strings there."""
    body = {
        "run_id": run_id,
        "metrics": [_point(metric) for metric in request.metrics],
        "params": [{"key": key, "value": value} for key, value in request.params.items()],
        "tags": [{"key": key, "value": value} for key, value in request.tags.items()],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _point(metric: Metric) -> dict[str, object]:
    value = metric.value if math.isfinite(metric.value) else _name(metric.value)
    return {"key": metric.key, "value": value, "timestamp": metric.time, "step": metric.step}


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
