"""A message that came, and the envelope in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nats.aio.msg import Msg

from sitewire.broker_config.names import partition_of
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.errors import SubjectError
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.retry import Retry, decode_retry, parse_stored_retry
from sitewire.schemas.subject import RETRY, RunKey, Subject, parse_stored

_RETRIES: Final = f"{RETRY}."


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

    @property
    def made(self) -> bool:
        """Whether nobody sent it: it stands in the place of indexes that are gone."""
        return not self.size

    @property
    def again(self) -> bool:
        """Whether it is a retry: its sequence is one of another stream than the metrics'."""
        return self.subject.startswith(_RETRIES)


def arrive(message: Msg) -> Arrival:
    """Read a message of a consumer of the metrics.

    Raises:
        SchemaError: the subject or the bytes are not ours.
    """
    return read(message.subject, message.metadata.sequence.stream, message.data, message)


def arrive_again(message: Msg) -> tuple[Retry, Arrival]:
    """Read a message of a consumer of retries.

    Raises:
        SchemaError: the subject or the bytes are not ours.
    """
    _, subject = parse_stored_retry(message.subject)
    retry = decode_retry(message.data, subject)
    sequence = message.metadata.sequence.stream
    return retry, Arrival(message.subject, sequence, subject.run, retry.envelope, len(message.data), message)


def read(subject: str, sequence: int, data: bytes, message: Msg | None = None) -> Arrival:
    """Read a stored message, of the metrics or a retry.

    Raises:
        SchemaError: the subject or the bytes are not ours.
    """
    if subject.startswith(_RETRIES):
        _, again = parse_stored_retry(subject)
        return Arrival(subject, sequence, again.run, decode_retry(data, again).envelope, len(data), message)
    parsed = sound(subject)
    return Arrival(subject, sequence, parsed.key, decode_envelope(data, parsed), len(data), message)


def sound(subject: str) -> Subject:
    """Return what the subject of a stored message of the metrics says.

    Raises:
        SubjectError: it is none of ours, or was not stored where its run belongs: two owners would write that run.
    """
    partition, parsed = parse_stored(subject)
    if partition != partition_of(parsed.key):
        msg = f"partition {partition} is not that of its run: {subject[:200]!r}"
        raise SubjectError(msg)
    return parsed
