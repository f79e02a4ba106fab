"""One connection of a client: HTTP, who is asking, faults, and the four endpoints."""

from __future__ import annotations

import base64
import gzip
import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from support.wandb.standin.faults import Fault, Where

if TYPE_CHECKING:
    from support.wandb.standin.server import Listener


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after another."""

    protocol_version = "HTTP/1.1"

    @property
    def _listener(self) -> Listener:
        return cast("Listener", self.server)

    def setup(self) -> None:
        super().setup()
        self._listener.live.add(self.connection)

    def finish(self) -> None:
        self._listener.live.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class calls it so
        """Say nothing: what was asked is in ``StandIn.requests``."""

    def do_POST(self) -> None:
        said = json.loads(self._body() or b"{}")
        parts = [unquote(part) for part in self.path.split("?")[0].strip("/").split("/")]
        if parts == ["graphql"]:
            self._graphql(said)
        elif len(parts) == 5 and parts[0] == "files" and parts[4] == "file_stream":
            _, _, project, run, _ = parts
            self._meet(Where.FILE_STREAM, run, lambda: self._stream(project, run, said))
        else:
            self._answer(404, {"error": "not found"})

    def do_PUT(self) -> None:
        body = self._body()
        parts = [unquote(part) for part in self.path.strip("/").split("/")]
        if len(parts) < 4 or parts[0] != "upload":
            self._answer(404, {"error": "not found"})
            return
        _, project, name, *file = parts
        self._meet(Where.UPLOAD, name, lambda: self._upload(project, name, "/".join(file), body))

    def do_GET(self) -> None:
        self._answer(404, {"error": "not found"})

    def _graphql(self, said: dict[str, Any]) -> None:
        operation, variables = said.get("operationName") or "", said.get("variables") or {}
        run = variables.get("run") or variables.get("name")
        self._meet(Where.GRAPHQL, run, lambda: (200, self._listener.queries.answer(operation, variables)), operation)

    def _stream(self, project: str, run: str, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        known = self._listener.queries.runs.stream(project, run, said)
        return (200, {"limits": {}}) if known else (404, {"error": f"there is no run {run}"})

    def _upload(self, project: str, name: str, file: str, body: bytes) -> tuple[int, dict[str, Any]]:
        run = self._listener.queries.runs.get(project, name)
        if run is None:
            return 404, {"error": f"there is no run {name}"}
        run.files[file] = body
        return 200, {}

    def _meet(self, where: Where, run: str | None, truth: Any, operation: str = "") -> None:
        """Answer with the truth, or with a fault that is switched on."""
        self._listener.requests.append((time.monotonic(), where, run, operation))
        if where is not Where.UPLOAD and not self._may():  # an upload's address is permission enough
            self._answer(401, {"errors": [{"message": "permission denied"}]})
            return
        fault = self._listener.faults.meet(where, run)
        if fault is not None:
            self._listener.faults.wait(fault)
        if fault is None or (fault.status is None and not fault.hangs):
            self._answer(*truth())
            return
        if fault.applied:
            truth()
        if fault.hangs:
            self.close_connection = True
        else:
            self._refuse(fault)

    def _refuse(self, fault: Fault) -> None:
        after = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        assert fault.status is not None
        self._answer(fault.status, {"errors": [{"message": "a fault of the test"}]}, after)

    def _may(self) -> bool:
        kind, _, said = (self.headers.get("Authorization") or "").partition(" ")
        key = self._listener.api_key
        return said == key if kind == "Bearer" else said == base64.b64encode(f"api:{key}".encode()).decode()

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _chunks(self) -> Any:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
