"""Sends what is committed of one run to W&B's service, and knows whether it arrives.

The service is given rows that the files hold, never others, in their order and under their numbers, by a client that
is apart from the one that writes the files. So whoever sends them, again or at the same time, sends the same lines.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from sitewire.workers.errors import PlaceUnreadable, Temporary, WorkerError, os_errors_as_ours
from sitewire.workers.sinks.threads import in_thread, to_the_end
from sitewire.workers.sinks.wandb.hosts import Hosts
from sitewire.workers.sinks.wandb.layout import mark_as_sent, segment_files
from sitewire.workers.sinks.wandb.service import Served, Service, ask
from sitewire.workers.sinks.wandb.session import Session
from sitewire.workers.sinks.wandb.unsent import SentRow, as_sent, unsent_rows
from sitewire.workers.sinks.wandb.upload import Upload, UploadStopped, arrival, room
from sitewire.workers.sinks.wandb.upload_log import UploadLog

AT_ONCE: Final = 1000  # rows of the files that are handed over in one request

Told: TypeAlias = Mapping[str, Any]
"""The arguments of ``Operation.WRITE``, as the client that writes the files was given them."""

_FIXED: Final = ("group", "job_type")

_logger = logging.getLogger("sitewire.worker")


class FilesLost(Temporary):
    """The service has rows of a run that the files do not hold: nobody can say which records they are."""


class Uploader:
    """The way of one run to the service, as long as the run is open.

    Attributes:
        written: the number behind the last row that is committed.
    """

    def __init__(self, hosts: Hosts, service: Service, run: str, project: str, title: str) -> None:
        """Take what stays the same.

        Args:
            hosts: of the place, in online mode.
            service: where to.
            run: W&B's id of it.
            project: where it is.
            title: what people call it.
        """
        self.written = 0
        self._hosts = hosts
        self._service = service
        self._run = run
        self._project = project
        self._title = title
        self._session: Session | None = None
        self._upload = Upload(self._ask, UploadLog(Path()), 0)
        self._handed = 0
        self._fixed: tuple[Any, ...] = ()

    async def begin(self, written: int, whole: Mapping[str, Any]) -> None:
        """Have the service get what it has not got, before anything is written.

        Args:
            written: the number behind the last row that the files hold.
            whole: as of ``send``.

        Raises:
            PlaceDown, ServiceRefused: as ``service.ask``.
            FilesLost: it has more than the files.
            UploadStopped, SinkUnavailable, PlaceUnreadable: as ``send``.
        """
        self.written = written
        self._handed = (await in_thread(self._ask)).next_row
        if self._handed > written:
            msg = (
                f"W&B has {self._handed} rows, and the files hold {written}: put the files back, or move"
                " the run to another project in W&B; then all that the broker keeps is written anew"
            )
            raise FilesLost(msg)
        if self._handed < written:
            await self._catch_up(await self._opened(whole), written)
            await arrival(self._upload)

    async def ready(self) -> None:
        """Return when more may be written: the upload goes on, and not too much of it waits.

        Raises:
            UploadStopped: nothing more of the run is sent.
            PlaceDown, ServiceRefused: as ``service.ask``, when rows wait.
        """
        if self._session is not None:
            await room(self._upload)

    async def send(self, told: Sequence[Told], whole: Mapping[str, Any]) -> None:
        """Hand over what is committed, behind what was not sent before.

        Args:
            told: what has been committed since the last call.
            whole: all that is to be seen beside the rows, if the run is to be opened: arguments of ``Operation.OPEN``.

        Raises:
            PlaceDown, UploadStopped, ServiceRefused: as ``ready``.
            SinkUnavailable: the client did not take it.
            PlaceUnreadable: rows that were not sent cannot be read back.
        """
        self.written = max((self.written, *(number + 1 for part in told for number, _ in _rows(part))))
        if not told:
            return
        session = await self._opened(whole)
        for part in told:
            rows = _rows(part)
            await self._catch_up(session, rows[0][0] if rows else self._handed)
            await session.write({**part, "rows": as_sent(part["rows"]), "last": as_sent(part["last"])})
            self._hand(rows)
        await self._catch_up(session, self.written)

    async def open(self, whole: Mapping[str, Any]) -> None:
        """Have the service show the run as running.

        Raises:
            SinkUnavailable: the client did not do it.
        """
        await self._opened(whole)

    async def end(self, code: int, whole: Mapping[str, Any]) -> None:
        """Have the service show the run as ended, once it has all rows.

        Args:
            code: the exit code.
            whole: as of ``send``.

        Raises:
            PlaceDown, ServiceRefused: as ``service.ask``.
            UploadStopped: it has not got all, or did not take the end.
            SinkUnavailable: the client did not do it.
        """
        await in_thread(self._ask)  # a service that is down is known at once; the client would try for long
        await self._leave()
        served = (await in_thread(self._ask)).next_row
        if served < self.written:
            msg = f"the upload to W&B has stopped at row {served} of {self.written}"
            raise UploadStopped(msg)
        await to_the_end(self._show(code, whole))
        await in_thread(mark_as_sent, self._hosts.place, self._run)

    async def close(self, told: Sequence[Told], code: int | None, whole: Mapping[str, Any], *, sound: bool) -> None:
        """Send what is left, for as long as the client may take; what has not arrived then is sent by the next owner.

        Args:
            told: as of ``send``.
            code: of a run that has ended, and has been written to since.
            whole: as of ``send``.
            sound: nothing has failed before; otherwise the run will be opened again, and nobody needs to be told.
        """
        try:
            await self.send(told, whole)
            if self._session is not None:
                await (self._leave() if code is None else self.end(code, whole))
                await in_thread(mark_as_sent, self._hosts.place, self._run)
        except WorkerError as error:
            if sound:
                _logger.warning("%s: W&B has not got all of it; the rest is sent later: %s", self._title, error)
            await self._drop()

    async def _opened(self, whole: Mapping[str, Any]) -> Session:
        fixed = tuple(whole["info"].get(name) for name in _FIXED)
        if self._session is not None and fixed != self._fixed:
            await self._leave()
        if self._session is None:
            self._fixed = fixed
            return await to_the_end(self._open(whole))
        return self._session

    async def _open(self, whole: Mapping[str, Any]) -> Session:
        # Noted here and not behind the await: a cancellation in between would leave it open to nobody.
        host = await self._hosts.host(self._run)
        self._session = await Session.open(host, self._hosts.place, whole, ends=False)
        self._upload = Upload(self._ask, UploadLog(self._session.folder), self._handed)
        return self._session

    async def _drop(self) -> None:
        """Close a session that is still open, whatever comes of it."""
        with suppress(WorkerError):
            await self._leave()

    async def _leave(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await to_the_end(self._finish(session, 0))

    async def _show(self, code: int, whole: Mapping[str, Any]) -> None:
        session = await Session.open(await self._hosts.host(self._run), self._hosts.place, whole, ends=True)
        await self._finish(session, code)

    async def _finish(self, session: Session, code: int) -> None:
        log = UploadLog(session.folder)
        await session.finish(code)
        fatal = (await in_thread(log.look)).fatal
        await session.forget()
        if fatal is not None:
            msg = f"the upload to W&B has stopped: {fatal}"
            raise UploadStopped(msg)

    async def _catch_up(self, session: Session, end: int) -> None:
        """Hand over rows of the files up to a number."""
        if self._handed >= end:
            return
        with os_errors_as_ours(self._hosts.place):
            files = await in_thread(segment_files, self._hosts.place, self._run)
            rows = unsent_rows(files, self._handed, end)
            try:
                while chunk := await in_thread(lambda: list(itertools.islice(rows, AT_ONCE))):
                    await room(self._upload)
                    await session.rows(chunk)
                    self._hand(chunk)
            except ValueError as error:
                raise PlaceUnreadable(str(error)) from error

    def _hand(self, rows: Sequence[SentRow]) -> None:
        if rows:
            self._handed = rows[-1][0] + 1
            self._upload.wrote(self._handed)

    def _ask(self) -> Served:
        return ask(self._service, self._project, self._run)


def _rows(told: Told) -> list[SentRow]:
    return [*told["rows"], *told["last"]]
