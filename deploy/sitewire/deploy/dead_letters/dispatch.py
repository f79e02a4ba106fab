"""Sends dead letters again, or drops them: killed anywhere, run twice, by two people at once, each goes once.

Under each (route, run, class) there is one line of retries. Whoever adds to it first deletes the letters that the
last one carries, then looks which of his own are still there, and publishes only if nobody has in between
(compare-and-set on the subject). So a letter that is there when a retry is published is in none before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import Conflict
from sitewire.broker_config.model import Config, Route
from sitewire.deploy.dead_letters import freight
from sitewire.deploy.dead_letters.box import Kept
from sitewire.deploy.dead_letters.freight import NOT_PASSED, Parcel, Shipment
from sitewire.deploy.dead_letters.ledger import Last, Ledger
from sitewire.schemas.codec import encode_envelope
from sitewire.schemas.dead_letter import MessageLetter, RecordLetter
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Receipt, StreamKey
from sitewire.schemas.retry import RetryOf, RetrySubject, encode_retry, new_retry_writer, retry_of
from sitewire.schemas.subject import parse_stored


@dataclass(slots=True)
class Outcome:
    """What became of the letters that were meant. Counts of letters.

    Attributes:
        done: sent again, or dropped.
        gone: were not there any more: somebody else was faster.
        left: by id, why nothing was done.
    """

    done: int = 0
    gone: int = 0
    left: dict[int, str] = field(default_factory=dict)


class Dispatch:
    """Sends again and drops.

    Args:
        ledger: of the broker.
        config: with the routes that there are.
    """

    def __init__(self, ledger: Ledger, config: Config) -> None:
        self._ledger = ledger
        self._routes = config.routes
        self.outcome = Outcome()

    async def retry(self, letters: Iterable[Kept]) -> Outcome:
        """Send letters again.

        Raises:
            DeployError: the last retry of some run cannot be read by this build.
            BrokerError: the broker does not answer, or its stream of retries is full; what was done is done.
        """
        for shipment, members in self._shipments(letters).items():
            for part in freight.chunks(sorted(members, key=freight.in_order)):
                await self._until_nobody_is_faster(shipment, part)
        return self.outcome

    async def drop(self, letters: Iterable[Kept]) -> Outcome:
        """Delete letters that no worker needs any more.

        Raises:
            DeployError: the last retry of some run cannot be read by this build.
            BrokerError: the broker does not answer; what was done is done.
        """
        completed: set[RetrySubject] = set()
        for kept in letters:
            heed_cancellation()
            subject = _line(kept)
            if subject is not None and subject not in completed:
                completed.add(subject)
                await self._ledger.complete(subject, await self._ledger.last(subject))
            await self._drop(kept)
        return self.outcome

    async def rehearse_retry(self, letters: Iterable[Kept]) -> Outcome:
        """Return what ``retry`` would do; changes nothing.

        Raises:
            BrokerError: the broker does not answer.
        """
        for shipment, members in self._shipments(letters).items():
            receipt = await self._ledger.receipt(shipment.subject.route, shipment.subject.run)
            for part in freight.chunks(sorted(members, key=freight.in_order)):
                parcel = await self._parcel(shipment, part, receipt)
                self.outcome.done += len(parcel.names) if parcel is not None else 0
        return self.outcome

    async def rehearse_drop(self, letters: Iterable[Kept]) -> Outcome:
        """Return what ``drop`` would do; changes nothing.

        Raises:
            BrokerError: the broker does not answer.
        """
        for kept in letters:
            heed_cancellation()
            if await self._needed(kept):
                self.outcome.left[kept.id] = NOT_PASSED
            else:
                self.outcome.done += 1
        return self.outcome

    async def _needed(self, kept: Kept) -> bool:
        """Whether the worker that has set a record aside may still have to find it."""
        if not isinstance(kept.letter, RecordLetter) or self._route_of(kept.letter) is None:
            return False
        receipt = await self._ledger.receipt(kept.letter.place.route, kept.letter.place.run)
        return not freight.passed(kept.letter, receipt)

    async def _drop(self, kept: Kept) -> None:
        if await self._needed(kept):
            self.outcome.left[kept.id] = NOT_PASSED
            return
        if not await self._ledger.present([kept]):
            self.outcome.gone += 1
            return
        await self._ledger.delete(kept.id)
        self.outcome.done += 1

    def _shipments(self, letters: Iterable[Kept]) -> dict[Shipment, list[Kept]]:
        found: defaultdict[Shipment, list[Kept]] = defaultdict(list)
        for kept in letters:
            shipment = self._shipment(kept)
            if isinstance(shipment, Shipment):
                found[shipment].append(kept)
            else:
                self.outcome.left[kept.id] = shipment
        return found

    def _shipment(self, kept: Kept) -> Shipment | str:
        """Return where a letter goes, or why it goes nowhere."""
        if kept.letter is None:
            return kept.problem
        route = self._route_of(kept.letter)
        if route is None:
            return f"no route of the file is called `{kept.route}` and writes to {kept.letter.sink}"
        if isinstance(kept.letter, RecordLetter):
            place = kept.letter.place
            return Shipment(
                RetrySubject(route.name, place.run, place.key.record_class), RetryOf.RECORDS, kept.letter.sink
            )
        try:
            freight.opened(kept.letter)
            _, subject = parse_stored(kept.letter.stored)
        except SchemaError as error:
            return f"this build cannot read it either: {error}"
        return Shipment(RetrySubject(route.name, subject.key, subject.record_class), RetryOf.MESSAGES, kept.letter.sink)

    def _route_of(self, letter: RecordLetter | MessageLetter) -> Route | None:
        name = letter.place.route if isinstance(letter, RecordLetter) else letter.route
        found = (route for route in self._routes if route.name == name and route.sink.identity == letter.sink)
        return next(found, None)

    async def _until_nobody_is_faster(self, shipment: Shipment, part: Sequence[Kept]) -> None:
        while True:
            heed_cancellation()
            try:
                await self._send(shipment, part)
            except Conflict:
                continue  # theirs is the last one now; or ours, of which the answer was lost
            return

    async def _send(self, shipment: Shipment, part: Sequence[Kept]) -> None:
        last = await self._ledger.last(shipment.subject)
        await self._ledger.complete(shipment.subject, last)
        there = await self._ledger.present(part)
        receipt = await self._ledger.receipt(shipment.subject.route, shipment.subject.run)
        parcel = await self._parcel(shipment, there, receipt)
        if parcel is not None and parcel.packed:
            data = _wrapped(shipment, parcel, last, receipt)
            await self._ledger.publish(shipment.subject, data, last.sequence)
            await self._ledger.complete(shipment.subject, await self._ledger.last(shipment.subject))
        elif parcel is not None:
            for name in parcel.names:
                await self._ledger.delete(name.sequence)  # nothing of it is missing
        self.outcome.gone += len(part) - len(there)
        self.outcome.done += len(parcel.names) if parcel is not None else 0

    async def _parcel(self, shipment: Shipment, part: Sequence[Kept], receipt: Receipt | None) -> Parcel | None:
        records: list[tuple[Kept, RecordLetter]] = []
        for kept in part:
            if isinstance(kept.letter, MessageLetter):
                return await self._message(shipment, kept, kept.letter, receipt)
            assert kept.letter is not None  # noqa: S101  what cannot be read is in no shipment
            if freight.passed(kept.letter, receipt):
                records.append((kept, kept.letter))
            else:
                self.outcome.left[kept.id] = NOT_PASSED
        return freight.records_parcel(records) if records else None

    async def _message(
        self, shipment: Shipment, kept: Kept, letter: MessageLetter, receipt: Receipt | None
    ) -> Parcel | None:
        envelope = freight.opened(letter)
        key = StreamKey(envelope.writer, envelope.record_class)
        position = receipt.positions.get(key) if receipt is not None and receipt.sink == letter.sink else None
        if position is None or position.next < envelope.end:
            self.outcome.left[kept.id] = NOT_PASSED
            return None
        notes = await self._ledger.notes(letter.route, shipment.subject.run, key)
        return freight.message_parcel(kept, letter, envelope, notes)


def _line(kept: Kept) -> RetrySubject | None:
    """Return the line of retries that may carry a letter."""
    if isinstance(kept.letter, RecordLetter):
        place = kept.letter.place
        return RetrySubject(place.route, place.run, place.key.record_class)
    try:
        subject = parse_stored(kept.letter.stored)[1] if kept.letter is not None else None
    except SchemaError:
        return None
    return RetrySubject(kept.route, subject.key, subject.record_class) if subject is not None else None


def _wrapped(shipment: Shipment, parcel: Parcel, last: Last, receipt: Receipt | None) -> bytes:
    writer, first = _numbering(shipment, last, receipt)
    record_class = shipment.subject.record_class
    envelope = encode_envelope(writer, record_class, first, parcel.packed, (), parcel.experiment)
    return encode_retry(parcel.sink, parcel.names, parcel.taken, envelope)


def _numbering(shipment: Shipment, last: Last, receipt: Receipt | None) -> tuple[str, int]:
    """Go on with the last one's writer if the place knows it; one that was filled anew has never seen it."""
    retry = last.retry
    if retry is not None and receipt is not None and retry.sink == shipment.sink == receipt.sink:
        writer = retry.envelope.writer
        key = StreamKey(writer, shipment.subject.record_class)
        if retry_of(writer) is shipment.of and key in receipt.positions:
            return writer, retry.envelope.end
    return new_retry_writer(shipment.of), 0
