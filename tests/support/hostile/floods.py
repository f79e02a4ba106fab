"""Many of something, each of it sound: runs, writers, accounts, unreadable messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, account_subject
from support.hostile.forgeries import Message
from support.hostile.originals import new_writer_of

SCALARS = RecordClass.SCALARS


def runs(chance: Random, site: str, count: int) -> Iterator[Message]:
    """Yield one envelope of each of so many runs."""
    for number in range(count):
        yield _envelope(RunKey(site, f"flood-{number}"), new_writer_of(chance))


def writers(chance: Random, site: str, count: int) -> Iterator[Message]:
    """Yield one envelope, and the account, of each of so many writers of a run."""
    run = RunKey(site, "crowd")
    for _ in range(count):
        writer = new_writer_of(chance)
        yield _envelope(run, writer)
        yield _account(run, writer)


def accounts(chance: Random, site: str, count: int) -> Iterator[Message]:
    """Yield accounts of so many runs that have ended and of which nothing else is to be found."""
    for number in range(count):
        yield _account(RunKey(site, f"said-{number}"), new_writer_of(chance))


def unreadable(chance: Random, site: str, count: int) -> Iterator[Message]:
    """Yield so many messages without any sense, of one run, each of another writer."""
    for _ in range(count):
        subject = Subject(RunKey(site, "junk"), SCALARS, new_writer_of(chance))
        yield Message(str(subject), chance.randbytes(chance.choice((1, 100, 10_000))))


def _envelope(run: RunKey, writer: str) -> Message:
    packed = [pack_record(Record(Kind.SCALAR, "loss", 1.0, time.time(), 1))]
    return Message(str(Subject(run, SCALARS, writer)), encode_envelope(writer, SCALARS, 0, packed))


def _account(run: RunKey, writer: str) -> Message:
    now = time.time()
    account = Account({SCALARS: ClassAccount(1, 1, 1)}, alive=False, ended=True, started=now, stopped=now)
    return Message(account_subject(run, writer), encode_account(account))
