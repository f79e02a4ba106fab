"""Asks W&B's service what it has of a run: rows that it has are not sent again, and an upload that has stopped is seen.

The client asks the same question when it resumes a run; it does not say what it was told, retries for minutes, and
explains errors in prose alone.
"""

from __future__ import annotations

import base64
import http.client
import json
import math
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from sitewire.workers.errors import PlaceDown, Temporary, Throttled, WorkerError

DEFAULT_URL: Final = "https://api.wandb.ai"
PATIENCE: Final = 10.0  # seconds for an answer

_LOG_IN: Final = "look at api_key_file and entity"
_NO_SERVICE: Final = "is base_url the address of a W&B server?"
_MOST_SAID: Final = 300  # characters of what the service says

_QUERY: Final = """
query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    bucket(name: $name, missingOk: true) { historyLineCount historyTail }
  }
}
"""
"""The client's own question, of which two answers are enough."""


class ServiceRefused(Temporary):
    """The service does not take, or does not show, this one run."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where W&B is, and who asks.

    Attributes:
        base_url: without a slash at the end.
        entity: whose the runs are; none for the key's own.
        api_key_file: is read whenever the key is needed, so that a new key needs no restart.
    """

    base_url: str
    entity: str | None
    api_key_file: Path

    def api_key(self) -> str:
        """Read the key.

        Raises:
            PlaceDown: it cannot be read, or is none.
        """
        try:
            key = self.api_key_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text"  # the other one shows its bytes
            msg = f"{self.api_key_file}: {reason}"
            raise PlaceDown(msg) from None
        if not key.isascii() or len(key.split()) != 1:
            msg = f"{self.api_key_file}: one line is expected, with the API key and nothing else"
            raise PlaceDown(msg)
        return key


@dataclass(frozen=True, slots=True)
class Served:
    """What the service has of a run.

    Attributes:
        rows: lines of its history.
        next_row: the number of the first row that it has not got.
    """

    rows: int = 0
    next_row: int = 0


def ask(service: Service, project: str, run: str) -> Served:
    """Ask what there is of a run; a run that does not exist has nothing. Blocks for at most ``PATIENCE`` seconds or so.

    Raises:
        PlaceDown: the service does not answer, or lets nobody in.
        Throttled: it asks to be left alone.
        ServiceRefused: it refuses to tell of this run.
    """
    variables = {"project": project, "entity": service.entity, "name": run}
    said = _post(service, {"query": _QUERY, "variables": variables, "operationName": "RunResumeStatus"})
    try:
        if said.get("errors"):
            msg = f"{service.base_url}: run {run}: {_cut(said['errors'][0]['message'])}; {_LOG_IN}"
            raise ServiceRefused(msg)
        return _served(said["data"]["model"])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        msg = f"{service.base_url}: an answer that is none of W&B's; {_NO_SERVICE}"
        raise PlaceDown(msg) from error


def _served(model: Mapping[str, Any] | None) -> Served:
    bucket = None if model is None else model["bucket"]
    if bucket is None:
        return Served()
    tail = json.loads(bucket["historyTail"] or "[]") or []
    last = json.loads(tail[-1])["_step"] if tail else -1
    return Served(int(bucket["historyLineCount"] or 0), int(last) + 1)


def _post(service: Service, body: object) -> Any:  # noqa: ANN401  JSON
    url = f"{service.base_url}/graphql"
    try:
        with urllib.request.urlopen(_request(url, service, body), timeout=PATIENCE) as answer:  # noqa: S310  the operator's own address, http or https
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise from_status(error.code, error.headers.get("Retry-After"), service.base_url) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"{service.base_url}: {_cut(str(reason) or type(reason).__name__)}"
        raise PlaceDown(msg) from error
    except ValueError as error:
        msg = f"{service.base_url}: an answer that is none of W&B's; {_NO_SERVICE}"
        raise PlaceDown(msg) from error


def _request(url: str, service: Service, body: object) -> urllib.request.Request:
    who = base64.b64encode(f"api:{service.api_key()}".encode()).decode()
    headers = {"Authorization": f"Basic {who}", "Content-Type": "application/json", "User-Agent": "sitewire"}
    return urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  see _post


def from_status(status: int, retry_after: str | None, where: str) -> WorkerError:
    """Return our error for an HTTP status; every one that is no success has one.

    Args:
        status: what was answered.
        retry_after: the header of that name.
        where: who answered.
    """
    text = f"{where}: {status} {http.client.responses.get(status, 'an unknown status')}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after):
        return Throttled(text, _seconds(retry_after))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return PlaceDown(f"{text}; {_LOG_IN}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return PlaceDown(text)
    return PlaceDown(f"{text}; {_NO_SERVICE}")


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of ``Retry-After``; a date is none, as the clocks of two machines differ."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SAID else text[:_MOST_SAID] + "..."
