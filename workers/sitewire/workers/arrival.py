"""A message that came, and the envelope in it."""

from __future__ import annotations

from dataclasses import dataclass

from nats.aio.msg import Msg

from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import RunKey, parse_stored


@dataclass(frozen=True, slots=True)
class Arrival:
    """An envelope that has been checked.

    Attributes:
        subject: as the stream stores it.
        sequence: in the stream.
        run: whose it is, by its subject.
        envelope: what it holds.
        size: bytes of the message; what is held in memory is bounded by the sum.
        message: acknowledged after the commit; None for what was read from the stream beside the consumer.
    """

    subject: str
    sequence: int
    run: RunKey
    envelope: Envelope
    size: int
    message: Msg | None

    @property
    def key(self) -> StreamKey:
        """The numbering that its indexes belong to."""
        return StreamKey(self.envelope.writer, self.envelope.record_class)


def arrive(message: Msg) -> Arrival:
    """Read a message of a consumer.

    Raises:
        SchemaError: the subject or the bytes are not ours.
    """
    return read(message.subject, message.metadata.sequence.stream, message.data, message)


def read(subject: str, sequence: int, data: bytes, message: Msg | None = None) -> Arrival:
    """Read a stored message.

    Raises:
        SchemaError: the subject or the bytes are not ours.
    """
    _, parsed = parse_stored(subject)
    return Arrival(subject, sequence, parsed.key, decode_envelope(data, parsed), len(data), message)
