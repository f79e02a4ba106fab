"""HTTP to a tracking server: no retries of its own, bounded waits; an answer is an object or one of our errors."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ProtocolError

from sitewire.workers.errors import PlaceDown, Temporary, Throttled, WorkerError
from sitewire.workers.sinks.mlflow.credentials import Credentials
from sitewire.workers.sinks.mlflow.errors import LOG_IN, NO_MLFLOW, NO_RIGHT, from_code, from_requests, shortened

CONNECT_SECONDS: Final = 10.0
"""To be connected, at most: who does not take a connection does not answer either."""


class Channel(AuthBase):
    """A server's address and what it is told. Its threads share it.

    Args:
        url: the server's, without a slash at its end.
        credentials: sent with each request; read again when the server says 401.
        timeout: seconds between two bytes of an answer, at most.
        ca_file: certificates to check the server's by; None is this machine's.
        connections: kept open.
    """

    def __init__(
        self, url: str, credentials: Credentials, timeout: float, ca_file: Path | None, connections: int
    ) -> None:
        self.url = url
        self._credentials = credentials
        self._timeout = (min(CONNECT_SECONDS, timeout), timeout)
        self._verify = True if ca_file is None else str(ca_file)
        self._session = requests.Session()
        self._session.auth = self  # else the session asks ~/.netrc, which would go before our header
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header into a request."""
        header = self._credentials.header
        if header is not None:
            request.headers["Authorization"] = header
        return request

    def ask(self, method: str, path: str, body: Mapping[str, object] | bytes | None = None) -> Any:  # noqa: ANN401  JSON
        """Send a request, and return the object that is the answer.

        Args:
            method: ``GET`` sends a body as its query.
            path: behind the server's URL.
            body: an object, or one that is encoded already.

        Raises:
            WorkerError: it was not answered, or not as MLflow does.
        """
        answer = self._answered(method, path, body)
        try:
            return json.loads(answer.content or b"{}")
        except ValueError:
            msg = f"{self.url} answers with something else than JSON: {shortened(answer.text)}; {NO_MLFLOW}"
            raise PlaceDown(msg) from None

    def put(self, path: str, content: bytes) -> None:
        """Store a file.

        Raises:
            WorkerError: it is not stored, or that is not known.
        """
        self._answered("PUT", path, content)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._session.close()

    def _answered(self, method: str, path: str, body: Mapping[str, object] | bytes | None) -> requests.Response:
        answer = self._send(method, path, body)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and self._credentials.read():
            answer = self._send(method, path, body)
        if answer.status_code != HTTPStatus.OK:
            raise from_answer(answer, self.url)
        return answer

    def _send(self, method: str, path: str, body: Mapping[str, object] | bytes | None) -> requests.Response:
        try:
            try:
                return self._sent(method, path, body)
            except requests.ConnectionError as error:
                if not _was_connected(error):
                    raise
                # The server has closed a connection that was kept, as it does after a fault of its own, or when it was
                # restarted. Sent twice is stored once; of two runs the second one is deleted.
                self._adapter.close()
                return self._sent(method, path, body)
        except requests.RequestException as error:
            raise from_requests(error, self.url) from error

    def _sent(self, method: str, path: str, body: Mapping[str, object] | bytes | None) -> requests.Response:
        arguments: dict[str, Any] = {"params": body} if method == "GET" else {"data": body}
        if method == "POST":
            data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
            arguments = {"data": data, "headers": {"Content-Type": "application/json"}}
        return self._session.request(
            method,
            f"{self.url}{path}",
            timeout=self._timeout,
            verify=self._verify,
            allow_redirects=False,  # a POST would become a GET, and the secret would go elsewhere
            **arguments,
        )


def _was_connected(error: requests.ConnectionError) -> bool:
    return bool(error.args) and isinstance(error.args[0], ProtocolError)


def from_answer(answer: requests.Response, url: str) -> WorkerError:
    """Return our error for an answer that is none of success."""
    status, wait = answer.status_code, answer.headers.get("Retry-After")
    said = f"{url}: HTTP {status}: {shortened(answer.text)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and wait):
        return Throttled(said, _seconds(wait, answer.headers.get("Date")))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _shut_out(answer, said)
    code = _error_code(answer)
    return _from_something_else(answer, url, said) if code is None else from_code(*code)


def _from_something_else(answer: requests.Response, url: str, said: str) -> WorkerError:
    """Return our error for what a proxy says, or a server that is not MLflow's."""
    if answer.is_redirect:
        return PlaceDown(f"{url} has moved to {answer.headers['Location']}: write that as tracking_uri")
    if answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Temporary(f"{said}; whatever stands before MLflow has to take requests of 1 MB")
    return PlaceDown(said if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else f"{said}; {NO_MLFLOW}")


def _shut_out(answer: requests.Response, said: str) -> WorkerError:
    code, _ = _error_code(answer) or ("", "")
    if code == NO_RIGHT or answer.text == "Permission denied":  # MLflow's own words; a proxy's 403 is about all runs
        return from_code(NO_RIGHT, said)
    if "Invalid Host header" in answer.text:
        return PlaceDown(f"{said}; start MLflow with --allowed-hosts, and name the host of tracking_uri there")
    return PlaceDown(f"{said}; {LOG_IN}")


def _error_code(answer: requests.Response) -> tuple[str, str] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("error_code"), str):
        return None
    return body["error_code"], str(body.get("message", ""))


def _seconds(wait: str | None, said_at: str | None) -> float | None:
    """Return what ``Retry-After`` says: seconds, or a date, which the server's ``Date`` is compared with."""
    if wait is None:
        return None
    try:
        seconds = float(wait)
    except ValueError:
        seconds = _moment(wait) - (_moment(said_at) if said_at else time.time())
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _moment(text: str) -> float:
    """Return a date of a header in seconds since the epoch; NaN if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return math.nan
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
