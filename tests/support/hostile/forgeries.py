"""What one site can send on purpose: sound bytes that lie. Each is a list of subjects, bodies and headers.

A site is who its credentials say, so all of it comes under its own token; what it says of others is in the bodies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, account_subject
from support.hostile.originals import new_writer_of

SCALARS: Final = RecordClass.SCALARS


@dataclass(frozen=True, slots=True)
class Message:
    """What is published."""

    subject: str
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Victim:
    """A run of another site, as somebody who means harm may know it."""

    run: RunKey
    writers: tuple[str, ...]


Forgery = Callable[[Random, str, Victim], Iterator[Message]]

ALL: Final = (limits.MAX_INDEX, limits.MAX_INDEX, limits.MAX_INDEX)
"""Assigned, published and held: every index that there can be."""


def another_ones_writer(_: Random, site: str, victim: Victim) -> Iterator[Message]:
    """Speak as the writers of another site's run, in a run of one's own that is called alike."""
    own = RunKey(site, victim.run.run)
    for writer in victim.writers:
        yield _scalars(own, writer, 0, 50)
        yield _scalars(own, writer, 10_000_000, 5)
        yield _account(own, writer, {SCALARS: (2**40, 2**40, 2**40)}, alive=False, ended=True)


def a_body_that_names_another(chance: Random, site: str, victim: Victim) -> Iterator[Message]:
    """Put another's writer, site and run into the body."""
    own, writer = _new(chance, site)
    yield Message(str(Subject(own, SCALARS, writer)), _body(victim.writers[0], 0, 5))
    for name in (
        f"metrics.{victim.run.site}.{victim.run.run}",
        "../" * 8 + victim.run.site,
        "/etc/x",
        "\x00",
        ".",
        "..",
    ):
        record = Record(Kind.SCALAR, name, 1.0, time.time(), 1, context=name, series=name)
        yield _records(own, writer, 0, [record], experiment=name)


def ranges_that_overlap_and_go_back(chance: Random, site: str, _: Victim) -> Iterator[Message]:
    """Send indexes again, in part, from the middle, and from the beginning, with other values."""
    own, writer = _new(chance, site)
    for first, count in ((0, 50), (25, 50), (0, 50), (74, 1), (10, 100), (0, 1), (109, 2), (50, 3)):
        yield _scalars(own, writer, first, count)
    yield _account(own, writer, {SCALARS: (111, 111, 111)}, alive=False, ended=True)


def leaps(chance: Random, site: str, _: Victim) -> Iterator[Message]:
    """Go on 2**60 further, to the last index of all, and beyond it."""
    own, writer = _new(chance, site)
    for first in (0, 2**60, 2**61, limits.MAX_INDEX - 3, limits.MAX_INDEX - 1, limits.MAX_INDEX, 2**63 - 1, 2**64 - 1):
        yield _scalars(own, writer, first, 2)
    yield _account(own, writer, {SCALARS: ALL}, alive=False, ended=True)


def holes_of_everything(chance: Random, site: str, _: Victim) -> Iterator[Message]:
    """Declare 2**61 indexes gone, again and again: what came twice is counted."""
    own, writer = _new(chance, site)
    huge = [Hole(HoleName.DROPPED, 0, 2**61)]
    yield from [Message(str(Subject(own, SCALARS, writer)), encode_envelope(writer, SCALARS, 0, [], huge))] * 12
    many = [Hole(HoleName.EXPIRED, 2**61 + at * 2**40, 2**40) for at in range(limits.MAX_ENVELOPE_HOLES)]
    yield Message(str(Subject(own, SCALARS, writer)), encode_envelope(writer, SCALARS, 2**61, [], many))


def ends_that_lie(chance: Random, site: str, _: Victim) -> Iterator[Message]:
    """End a run before it begins, twice, differently, and go on behind its end."""
    own, writer = _new(chance, site)
    ends = [Record(Kind.RUN_END, "run", how, time.time()) for how in ("finished", "failed", "finished")]
    start = Record(Kind.RUN_START, "run", {"host": "\x1b[2J", "job": None}, time.time())
    yield _records(own, writer, 0, [*ends, start, *ends], record_class=RecordClass.RUN)
    yield _scalars(own, writer, 0, 20)
    counts = {RecordClass.RUN: (3, 3, 3), SCALARS: (5, 5, 5)}
    yield _account(own, writer, counts, alive=False, ended=True, stopped=1.0)
    yield _scalars(own, writer, 20, 20)


def accounts_that_lie(chance: Random, site: str, _: Victim) -> Iterator[Message]:
    """Say of a writer whatever an account can say, one after the other."""
    own, writer = _new(chance, site)
    yield _scalars(own, writer, 7, 3)
    for counts in ((0, 0, 0), ALL, (10, 10, 2**61), (10, 3, 0)):
        for alive, ended, stopped in ((True, True, 1.7e9), (False, False, 9e10), (False, True, 0.0)):
            yield _account(own, writer, {SCALARS: counts}, alive=alive, ended=ended, stopped=stopped)
    yield Message(account_subject(own, writer), chance.randbytes(100))
    yield Message(account_subject(own, writer), msgpack.packb({"v": 1, "classes": {"scalars": (1, 2, 3)}}))


def headers_that_speak_to_servers_and_readers(chance: Random, site: str, victim: Victim) -> Iterator[Message]:
    """Send along what a server or a reader of answers might take for its own."""
    own, writer = _new(chance, site)
    target = str(Subject(victim.run, SCALARS, victim.writers[0]))
    orders = [
        {"Nats-Rollup": "all"},
        {"Nats-Rollup": "sub"},
        {"Nats-TTL": "1s"},
        {"KV-Operation": "PURGE"},
        {"Nats-Msg-Id": "1"},
        {"Nats-Expected-Stream": "OTHER"},
        {"Nats-Subject": target, "Nats-Sequence": "1", "Nats-Stream": "ACCOUNTS", "Nats-Time-Stamp": "x"},
        {"nats-subject": target, "Nats-Num-Pending": "99", "Nats-Last-Sequence": "99", "Nats-UpTo-Sequence": "1"},
        {"Status": "404", "Description": "Message Not Found"},
        {"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": target},
    ]
    for first, headers in enumerate(orders):
        yield Message(str(Subject(own, SCALARS, writer)), _body(writer, first, 1), headers)
        account = _account(own, writer, {SCALARS: (10, 10, 10)}, alive=False, ended=True)
        yield Message(account.subject, account.data, {**headers, "Nats-Subject": account_subject(victim.run, writer)})


def names_at_the_edge(chance: Random, site: str, _: Victim) -> Iterator[Message]:
    """Call runs and metrics what a file system, a log or a terminal might stumble over."""
    for run in (
        ".",
        "..",
        "x/../../y",
        "a\nERROR forged",
        "\x1b[2J",
        "病" * 22,
        "x" * 64,
        ".sitewire",
        "con",
        "-rf",
        "%s{}",
    ):
        own, writer = RunKey(site, run), new_writer_of(chance)
        names = ["a\nb", "\x1b[31m", "/", "..", "x" * limits.MAX_RECORD_NAME_BYTES, "é", "e\u0301", "\u202e", "[/red]"]
        yield _records(own, writer, 0, [Record(Kind.SCALAR, name, 1.0, time.time(), 1) for name in names])
        yield _account(own, writer, {SCALARS: (9, 9, 9)}, alive=False, ended=True, stopped=time.time())


FORGERIES: Final[tuple[Forgery, ...]] = (
    another_ones_writer,
    a_body_that_names_another,
    ranges_that_overlap_and_go_back,
    leaps,
    holes_of_everything,
    ends_that_lie,
    accounts_that_lie,
    headers_that_speak_to_servers_and_readers,
    names_at_the_edge,
)


def _new(chance: Random, site: str) -> tuple[RunKey, str]:
    return RunKey(site, f"run-{chance.randrange(2**32):x}"), new_writer_of(chance)


def _records(
    run: RunKey,
    writer: str,
    first: int,
    records: Sequence[Record],
    record_class: RecordClass = SCALARS,
    experiment: str = "default",
) -> Message:
    packed = [pack_record(record) for record in records]
    data = encode_envelope(writer, record_class, first, packed, experiment=experiment)
    return Message(str(Subject(run, record_class, writer)), data)


def _scalars(run: RunKey, writer: str, first: int, count: int) -> Message:
    return Message(str(Subject(run, SCALARS, writer)), _body(writer, first, count))


def _body(writer: str, first: int, count: int) -> bytes:
    steps = (number % 2**40 for number in range(first, first + count))
    packed = [pack_record(Record(Kind.SCALAR, "forged", float(step), time.time(), step)) for step in steps]
    return encode_envelope(writer, SCALARS, first, packed)


def _account(
    run: RunKey,
    writer: str,
    classes: dict[RecordClass, tuple[int, int, int]],
    *,
    alive: bool,
    ended: bool,
    stopped: float = 0.0,
) -> Message:
    counts = {name: ClassAccount(*three) for name, three in classes.items()}
    account = Account(counts, alive, ended, {"\x1b[2J" + "x" * 100: 7}, "forged", time.time(), stopped=stopped)
    return Message(account_subject(run, writer), encode_account(account))
