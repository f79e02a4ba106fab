"""The dead letters of one route, and its notes of holes, as a worker writes and reads them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import StreamFull, mapped_errors
from sitewire.broker_config.jetstream_api import ask_unless
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.broker_config.stretch import read_stretch
from sitewire.schemas.codec import pack_record
from sitewire.schemas.dead_letter import (
    HoleNote,
    MessageLetter,
    Place,
    RecordLetter,
    Stored,
    decode_letter,
    encode_letter,
    run_letters,
)
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.limits import MAX_ENVELOPE_BYTES
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.bisecting import Culprit
from sitewire.workers.decisions import Decisions

READ_BYTES: Final = 1024 * 1024  # of one answer
_OVERHEAD: Final = 16 * 1024  # bytes of a letter beside the message that it holds
_TIMEOUT: Final = 5.0  # seconds
LOOK_EVERY: Final = 1.0  # seconds between two looks at how full the stream is
LOOK_BYTES: Final = 1024 * 1024  # or as soon as so much was kept


class DeadLetters:
    """Every method may raise ``BrokerError``; what it was to store is then not known to be there.

    Args:
        client: connected.
        route: the route's name.
        sink: the identity of its place.
    """

    def __init__(self, client: Client, route: str, sink: str) -> None:
        self._client = client
        self._route = route
        self._sink = sink
        self._look_at = 0.0
        self._since = 0  # bytes kept since the last look
        self._half_full = False

    async def decided(self, run: RunKey, positions: Mapping[StreamKey, Position]) -> Decisions:
        """Return what an earlier owner has decided of a run's indexes and not committed. Two requests if nothing is.

        Args:
            run: which.
            positions: what is committed.
        """
        decisions = Decisions()
        start = 1
        while True:
            heed_cancellation()
            found = await read_stretch(self._client, DEAD_STREAM, run_letters(self._route, run), start, READ_BYTES)
            for item in found.messages:
                self._add(decisions, item.subject, item.data, positions)
            if found.at_end:
                return decisions
            start = found.messages[-1].sequence + 1

    async def refuse(self, run: RunKey, experiment: str, culprit: Culprit, error: Exception) -> None:
        """Keep a record that the tracker has refused."""
        place = Place(self._route, run, culprit.key, culprit.index)
        words = (str(error), type(error).__name__)
        packed = pack_record(culprit.record)
        await self._publish(RecordLetter(place, *words, self._sink, time.time(), experiment, packed))

    async def keep(self, subject: str, sequence: int, data: bytes, error: Exception) -> None:
        """Keep a message that cannot be read.

        Args:
            subject: as stored.
            sequence: in the stream of metrics.
            data: its bytes; as many of them as fit.
            error: what is wrong with it.

        Raises:
            StreamFull: half of the stream is used.
        """
        await self._leave_half(len(data))
        room = min(MAX_ENVELOPE_BYTES, self._client.max_payload - _OVERHEAD)
        words = (str(error), type(error).__name__)
        await self._publish(
            MessageLetter(
                self._route, sequence, *words, self._sink, time.time(), subject, len(data), data[: max(room, 0)]
            )
        )

    async def note(self, run: RunKey, key: StreamKey, hole: Hole) -> None:
        """Note indexes that an unreadable message has left empty, before they are counted as a hole."""
        place = Place(self._route, run, key, hole.first)
        await self._publish(HoleNote(place, self._sink, time.time(), hole.count))

    async def _leave_half(self, size: int) -> None:
        """Whoever may publish can send what nobody can read; refused records of all sites need room beside it."""
        self._since += size
        if time.monotonic() >= self._look_at or self._since >= LOOK_BYTES:
            self._look_at, self._since = time.monotonic() + LOOK_EVERY, size
            info = await ask_unless(self._client, f"STREAM.INFO.{DEAD_STREAM}", None, frozenset()) or {}
            self._half_full = 0 < info["config"]["max_bytes"] <= 2 * info["state"]["bytes"]
        if self._half_full:
            msg = "half of the stream of dead letters is used, and the rest is for refused records"
            raise StreamFull(msg)

    async def _publish(self, letter: Stored) -> None:
        with mapped_errors():
            await self._client.jetstream().publish(letter.subject, encode_letter(letter), timeout=_TIMEOUT)

    def _add(self, decisions: Decisions, subject: str, data: bytes, positions: Mapping[StreamKey, Position]) -> None:
        try:
            letter = decode_letter(subject, data)
        except SchemaError:
            return  # no worker's: what it says of an index, none has decided
        if isinstance(letter, MessageLetter) or letter.sink != self._sink:
            return
        key, index = letter.place.key, letter.place.index
        committed = positions[key].next if key in positions else 0
        if isinstance(letter, HoleNote):
            if letter.end > committed:
                decisions.empty(key, Hole(HoleName.DAMAGED, index, letter.count))
        elif index >= committed:
            decisions.refuse(key, index)
