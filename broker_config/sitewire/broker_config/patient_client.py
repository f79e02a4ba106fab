"""nats-py's client, made to live with links that go bad, and with messages that somebody made to hurt.

What differs, and why (read in the source of 2.16, and measured):

- A connection that is given up is broken off. nats-py closes it in order, which waits until all that was written is
  sent: on a link that carries nothing that is never, and the client would not even try to come back. ``close`` too.
- Requests in flight fail with their connection, as if their time was up: nobody answers them on the next one.
- Whatever comes from the server shows that it is there. nats-py counts answers to its pings only, and on a slow link
  these are behind all the messages that are on their way.
- Whoever waits can be woken when the connection is back.
- ``tls://`` means TLS, and so does an authority. nats-py takes whatever the server says it wants, so whoever sits on
  the way could have it send everything in plain, the credentials first.
- Whoever may publish chooses the bytes of a subject's tokens and of headers; the server passes them on. nats-py reads
  both as UTF-8 on the task that reads the socket: one byte that is none ends that task, and with it, unseen, the
  connection, again and again, since the message is delivered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

CLOSE_SECONDS: Final = 5.0


class NoTls(nats.errors.SecureConnWantedError):
    """A server that we would talk to in plain, though TLS was asked for."""

    def __str__(self) -> str:
        """Return what is wrong there, whether it was met first or when the connection was to come back."""
        return "it speaks no TLS, which `tls://` or an authority asks for; nothing was sent there"


class PatientClient(Client):
    """Reads what is no text with a replacement character; no subject or header of ours has one."""

    def __init__(self) -> None:
        super().__init__()
        self._woken: set[asyncio.Event] = set()
        self._announced = 0

    @property
    def is_settled(self) -> bool:
        """Whether there is a connection, and everybody has been told that it is another than before."""
        return self.is_connected and self._announced == self.stats["reconnects"]

    def came_back(self) -> None:
        """Wake who waits for the connection: it is back."""
        self._announced = self.stats["reconnects"]
        for event in self._woken:
            event.set()

    @contextmanager
    def waking(self, event: asyncio.Event) -> Iterator[None]:
        """Have an event set whenever the connection is back, for as long as the block runs."""
        self._woken.add(event)
        try:
            yield
        finally:
            self._woken.discard(event)

    async def close(self) -> None:
        """Close in order, or within ``CLOSE_SECONDS`` on a link that carries nothing."""
        if not self.is_connected:
            self._forget_unsent()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await super().close()
        except TimeoutError:
            self._abandon()

    async def _process_op_err(self, e: Exception) -> None:
        if not (self.is_closed or self.is_reconnecting):
            self._break_off()
        await super()._process_op_err(e)

    def _break_off(self) -> None:
        writer = getattr(self._transport, "_io_writer", None)  # there is no public way to it
        if writer is not None:
            writer.transport.abort()
        if not self.options["allow_reconnect"]:
            self._forget_unsent()
        for waiting in list(self._resp_map.values()):
            if not waiting.done():
                waiting.set_exception(nats.errors.TimeoutError())
                waiting.exception()  # seen: whoever asked may be gone

    def _abandon(self) -> None:
        """Do what closing in order did not come to: a task that waits for messages holds the client for ever."""
        self._break_off()
        self._forget_unsent()
        for subscription in self._subs.values():
            task = getattr(subscription, "_wait_for_msgs_task", None)  # as nats-py's own does; there is no public way
            if task is not None:
                task.cancel()
        self._subs.clear()

    def _forget_unsent(self) -> None:
        """Let go of what nobody will take; ``close`` would try to send it, and fail with an ``OSError``."""
        self._pending, self._pending_data_size = [], 0

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002  nats-py's
        if initial_connection and self._wants_tls and not info.get("tls_required"):
            raise NoTls
        await super()._process_info(info, initial_connection)

    @property
    def _wants_tls(self) -> bool:
        server = self._current_server
        return self.options.get("tls") is not None or (server is not None and server.uri.scheme == "tls")

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        self._pings_outstanding = 0
        await super()._process_msg(sid, subject, reply, data, headers)

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        message: Msg = super()._build_message(sid, _text(subject), _text(reply), data, headers)
        return message

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (ValueError, IndexError):  # of decoding, of cutting, in the first line
            # The server puts its own behind the publisher's: where a stored message is from is said there.
            return self._parse_header_lines(bytes(headers or b"").partition(b"\r\n")[2]) or None


async def pause(client: Client, seconds: float) -> None:
    """Wait for so many seconds, but no longer than until the connection is back."""
    back = asyncio.Event()
    with waking(client, back), suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await back.wait()


@contextmanager
def waking(client: Client, event: asyncio.Event) -> Iterator[None]:
    """Have an event set whenever the connection is back, for as long as the block runs; nats-py's own wakes nobody."""
    if not isinstance(client, PatientClient):
        yield
        return
    with client.waking(event):
        yield


def is_settled(client: Client) -> bool:
    """Whether there is a connection, and everybody has been told that it is another than before."""
    return client.is_settled if isinstance(client, PatientClient) else client.is_connected


def _text(data: bytes) -> bytes:
    return bytes(data).decode(errors="replace").encode()
