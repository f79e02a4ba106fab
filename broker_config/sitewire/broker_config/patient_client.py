"""nats-py's client, made to live with messages that somebody made to hurt.

Whoever may publish chooses the bytes of a subject's tokens and of headers; the server passes them on. nats-py reads
both as UTF-8 on the task that reads the socket: one byte that is none ends that task, and with it, unseen, the
connection, again and again, since the message is delivered again. Read in the source of 2.16, and measured.
"""

from __future__ import annotations

from nats.aio.client import Client
from nats.aio.msg import Msg


class PatientClient(Client):
    """Reads what is no text with a replacement character; no subject or header of ours has one."""

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


def _text(data: bytes) -> bytes:
    return bytes(data).decode(errors="replace").encode()
