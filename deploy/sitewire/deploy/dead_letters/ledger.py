"""What has been sent again, what is still there, and what a receipt has passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import NotThere, mapped_errors
from sitewire.broker_config.jetstream_api import ask_unless
from sitewire.broker_config.names import DEAD_STREAM, RECEIPTS_STREAM, RETRIES_STREAM, partition_of
from sitewire.deploy.dead_letters.box import Kept
from sitewire.deploy.errors import RetryUnreadable
from sitewire.schemas.dead_letter import HOLE, HoleNote, Place, decode_letter, encode_letter
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Receipt, StreamKey, decode_receipt
from sitewire.schemas.retry import LetterName, Retry, RetrySubject, Taken, decode_retry
from sitewire.schemas.subject import RunKey, receipt_subject
from sitewire.workers.point import Point, reached

TIMEOUT: Final = 5.0  # seconds
_GONE: Final = frozenset({10043, 10037, 10057})
"""Error codes: no message of that sequence."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last that was sent again under a subject.

    Attributes:
        sequence: in its stream; 0 if there is none.
        retry: what it was; None if there is none.
    """

    sequence: int
    retry: Retry | None


class Ledger:
    """Reads and writes the streams of letters, retries and receipts. Every method may raise ``BrokerError``.

    All is read from the leader: a replica that is behind would show a letter that is on its way again.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._completed: set[tuple[RetrySubject, int]] = set()

    async def last(self, subject: RetrySubject) -> Last:
        """Return the last retry under a subject.

        Raises:
            RetryUnreadable: this build cannot read it, so nobody here knows what is still to be deleted.
        """
        stored = subject.stored(partition_of(subject.run))
        try:
            with mapped_errors():
                found = await self._client.jsm().get_msg(RETRIES_STREAM, subject=stored)
        except NotThere:
            return Last(0, None)
        try:
            return Last(found.seq or 0, decode_retry(found.data or b"", subject))
        except SchemaError as error:
            raise RetryUnreadable(str(subject), str(error)) from error

    async def publish(self, subject: RetrySubject, data: bytes, last: int) -> None:
        """Send again, if nobody has since ``last``.

        Raises:
            Conflict: somebody has; or it is our own, and the answer was lost.
        """
        headers = {"Nats-Expected-Last-Subject-Sequence": str(last)}
        with mapped_errors():
            await self._client.jetstream().publish(str(subject), data, timeout=TIMEOUT, headers=headers)
        reached(Point.RETRY_PUBLISHED)

    async def complete(self, subject: RetrySubject, last: Last) -> None:
        """Delete the letters of the last retry, and take out of the notes what it carries; nothing the second time."""
        retry = last.retry
        if retry is None or (subject, last.sequence) in self._completed:
            return
        for writer in {taken.writer for taken in retry.taken}:
            key = StreamKey(writer, subject.record_class)
            await self._take(subject.route, subject.run, key, [item for item in retry.taken if item.writer == writer])
        for name in retry.letters:
            if await self.is_there(name):
                await self.delete(name.sequence)
        self._completed.add((subject, last.sequence))

    async def delete(self, sequence: int) -> None:
        """Delete a letter or note; nothing if it is gone."""
        body = {"seq": sequence, "no_erase": True}
        await ask_unless(self._client, f"STREAM.MSG.DELETE.{DEAD_STREAM}", body, _GONE)
        reached(Point.LETTER_DELETED)

    async def is_there(self, name: LetterName) -> bool:
        """Whether a letter is still there: a sequence alone could be another's, in a stream that was made anew."""
        try:
            with mapped_errors():
                found = await self._client.jsm().get_msg(DEAD_STREAM, name.sequence)
        except NotThere:
            return False
        return found.subject == name.subject

    async def present(self, letters: Sequence[Kept]) -> list[Kept]:
        """Return those that are still there."""
        return [kept for kept in letters if await self.is_there(LetterName(kept.id, kept.subject))]

    async def receipt(self, route: str, run: RunKey) -> Receipt | None:
        """Return what has become of a run in a route, as far as anybody has said."""
        try:
            with mapped_errors():
                found = await self._client.jsm().get_msg(RECEIPTS_STREAM, subject=receipt_subject(route, run))
            return decode_receipt(found.data or b"")
        except (NotThere, SchemaError):
            return None

    async def notes(self, route: str, run: RunKey, key: StreamKey) -> list[HoleNote]:
        """Return what is noted of a numbering: the indexes that were never delivered."""
        return [note for _, note in await self._notes(route, run, key)]

    async def _notes(self, route: str, run: RunKey, key: StreamKey) -> list[tuple[int, HoleNote]]:
        pattern = Place(route, run, key, 0).subject(HOLE).rpartition(".")[0] + ".*"
        found: list[tuple[int, HoleNote]] = []
        sequence = 0
        while True:
            heed_cancellation()
            try:
                with mapped_errors():
                    item = await self._client.jsm().get_msg(DEAD_STREAM, sequence + 1, pattern, next=True)
            except NotThere:
                return found
            sequence = item.seq or 0
            try:
                note = decode_letter(item.subject or "", item.data or b"")
            except SchemaError:
                continue  # no worker's
            if isinstance(note, HoleNote):
                found.append((sequence, note))

    async def _take(self, route: str, run: RunKey, key: StreamKey, taken: Iterable[Taken]) -> None:
        for item in taken:
            for sequence, note in await self._notes(route, run, key):
                if note.place.index < item.first + item.count and item.first < note.end:
                    await self._cut(sequence, note, item)

    async def _cut(self, sequence: int, note: HoleNote, taken: Taken) -> None:
        """Leave of a note what is not taken. Its end first: killed in between, the note still says all of it."""
        end = taken.first + taken.count
        if end < note.end:
            await self._note(note, end, note.end)
        if note.place.index < taken.first:
            await self._note(note, note.place.index, taken.first)  # in the place of the old one
        else:
            await self.delete(sequence)

    async def _note(self, note: HoleNote, first: int, end: int) -> None:
        place = Place(note.place.route, note.place.run, note.place.key, first)
        left = HoleNote(place, note.sink, note.time, end - first)
        with mapped_errors():
            await self._client.jetstream().publish(left.subject, encode_letter(left), timeout=TIMEOUT)
