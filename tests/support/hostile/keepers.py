"""What is read back from buckets, trackers and spools: a sound sample of each, its reader, and what that may raise.

Checksums are made anew where a file has some: a flipped bit is what they are for, and it is tested elsewhere.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sitewire.broker_config.names import partition_of
from sitewire.collectors.spool.identity import WriterIdentity, load_identity
from sitewire.collectors.spool.refused import load_refused
from sitewire.schemas.account import Account, decode_account, encode_account
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import (
    RunKey,
    Subject,
    account_subject,
    parse_account_subject,
    parse_published,
    parse_receipt_subject,
)
from sitewire.workers.arrival import sound
from sitewire.workers.errors import PlaceUnreadable
from sitewire.workers.ownership.lease import UnitLease, WorkerLease, decode_unit, decode_worker, encode
from sitewire.workers.parked_run import ParkedRun, parse_parked_key
from sitewire.workers.sinks.contract import Outcome
from sitewire.workers.sinks.jsonl import recovery as lines_back
from sitewire.workers.sinks.mlflow.positions import encode_position, position_tag, read_positions
from sitewire.workers.sinks.tensorboard import recovery as events_back
from sitewire.workers.sinks.tensorboard.events import EventEncoder, first_event, marker_event
from sitewire.workers.sinks.tensorboard.framing import framed
from sitewire.workers.sinks.tensorboard.marker import Marker, Slice, encode_marker
from sitewire.workers.sinks.tensorboard.session import Session
from sitewire.workers.sinks.wandb.framing import HEADER, LogReader
from sitewire.workers.sinks.wandb.index import IndexReader, IndexWriter
from sitewire.workers.sinks.wandb.records import Shown, row, take

WRITER: Final = "ab" * 16
KEY: Final = StreamKey(WRITER, RecordClass.SCALARS)
TIME: Final = 1.7e9


@dataclass(frozen=True)
class Keeper:
    """One sort of things that are kept.

    Attributes:
        name: for people.
        sample: a sound one.
        read: reads spoiled bytes; it is given a folder of its own too.
        refuses: what it may raise.
    """

    name: str
    sample: bytes
    read: Callable[[bytes, Path], object]
    refuses: tuple[type[Exception], ...] = ()


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _identity(data: bytes, folder: Path) -> object:
    body = _text(data)
    directory = folder / "clinic" / "job" / WRITER
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "writer.json").write_text(
        json.dumps({"identity": body, "crc": zlib.crc32(body.encode(errors="surrogatepass"))})
    )
    identity = load_identity(directory / "writer.json")
    account = Account({}, True, False, {}, identity.experiment, identity.started, identity.forked)
    subject = account_subject(RunKey(identity.site, identity.run), identity.writer)
    return parse_account_subject(subject), decode_account(encode_account(account)), str(identity.url).encode()


def _refused(data: bytes, folder: Path) -> object:
    (folder / "refused").write_bytes(data)
    return load_refused(folder)


def _events(data: bytes, folder: Path) -> object:
    run = folder / "job" / "clinic"
    run.mkdir(parents=True, exist_ok=True)
    scalar = EventEncoder().encode(Record(Kind.SCALAR, "loss", 1.0, TIME, 1), 1)
    log = marker_event(TIME, data.decode("latin-1"))
    parts = [first_event(TIME), log, *[scalar] * 3]
    (run / "events.out.tfevents.1700000000.sitewire").write_bytes(b"".join(map(framed, parts)))
    return events_back.recover(run, folder)


def _lines(data: bytes, folder: Path) -> object:
    run = folder / "job" / "clinic"
    run.mkdir(parents=True, exist_ok=True)
    (run / "scalars.jsonl").write_bytes(data)
    return lines_back.recover(run)


def _rows(data: bytes, _: Path) -> object:
    reader = IndexReader()
    return [reader.take(text) for text in _text(data).splitlines()]


def _records(data: bytes, folder: Path) -> object:
    data = data[:60_000]  # as much as one chunk holds
    chunk = struct.pack("<IHB", zlib.crc32(b"\x01" + data), len(data), 1) + data
    (folder / "run.wandb").write_bytes(HEADER + chunk)
    for record in LogReader(folder / "run.wandb").new():
        if row(record) is None:
            take(Shown(), record)
    return None


def _marker() -> bytes:
    position = Position(1, 2, 3, 4, 5, {HoleName.DROPPED: 6})
    slices = (
        Slice(KEY, 21, 2, Outcome.DELIVERED, events=True),
        Slice(KEY, 23, 5, HoleName.EXPIRED, events=False),
        Slice(KEY, 28, 1, Outcome.DELIVERED, events=True),
    )
    ahead = {KEY: [range(40, 43)]}
    session = Session({"lr": 0.1}, begun=False)
    return encode_marker(Marker(7, {KEY: position}, slices, (3,), {"loss": (4, 2)}, ahead, session)).encode()


def _index() -> bytes:
    writer = IndexWriter(2, {KEY: Position(delivered=5)})
    return b"\n".join(writer.text([]).encode() + b" 0:%d+1" % at if at == 5 else b"0:%d+1" % at for at in range(5, 9))


def _item(key: int, value: bytes) -> bytes:
    return bytes([key << 3 | 2, len(value)]) + value


def _record() -> bytes:
    index = json.dumps("0:5+1").encode()
    item = _item(2, b"_sitewire") + b"\x82\x01" + bytes([len(index)]) + index
    step = _item(2, b"\x08\x05")
    config = _item(1, _item(1, b"lr") + b"\x82\x01\x030.1")
    history = _item(2, bytes([1 << 3 | 2, len(item)]) + item + step)
    return history if len(history) < 120 else _item(5, config)


_LINE: Final = (
    f'{{"writer":"{WRITER}","index":0,"kind":"scalar","name":"loss","value":1.0,"time":"x","step":1}}\n'
    f'{{"writer":"{WRITER}","index":1,"hole":"expired","count":5}}\n'
    f'{{"writer":"{WRITER}","index":6,"outcome":"refused","count":2}}\n'
    f'{{"writer":"{WRITER}","index":8,"kind":"tag","name":"x","value":"y","time":"x","step":null}}\n'
).encode()
_WORKER: Final = WorkerLease("host", 42, TIME, ("curves",), True, False, "boot", {"curves": "ab" * 8}, {})
_IDENTITY: Final = WriterIdentity("clinic", "job", WRITER, "digits", "nats://hub:4222", TIME)
_SUBJECT: Final = Subject(RunKey("clinic", "job"), RecordClass.SCALARS, WRITER)

KEEPERS: Final[Sequence[Keeper]] = (
    Keeper("a worker's lease", encode(_WORKER), lambda data, _: encode(decode_worker(data))),
    Keeper("a unit's lease", encode(UnitLease("w", TIME, "full")), lambda data, _: encode(decode_unit(data))),
    Keeper("a parked run", ParkedRun(7, "hangs", TIME).encode(), lambda data, _: ParkedRun.decode(data).encode()),
    Keeper("a parked run's key", b"curves.3.clinic.job", lambda data, _: parse_parked_key(_text(data))),
    Keeper(
        "a position in a tag of MLflow",
        encode_position(Position(1, 2, 3, 4, 5, {HoleName.DROPPED: 6})).encode(),
        lambda data, _: read_positions({position_tag(KEY): _text(data)}),
        (PlaceUnreadable,),
    ),
    Keeper(
        "the name of such a tag",
        position_tag(KEY).encode(),
        lambda data, _: read_positions({_text(data): "[0,0,0,0,0,{}]"}),
        (PlaceUnreadable,),
    ),
    Keeper("a marker of an event file", _marker(), _events, (PlaceUnreadable,)),
    Keeper("a file of lines", _LINE, _lines, (PlaceUnreadable,)),
    Keeper("the index of a row of W&B", _index(), _rows, (ValueError,)),
    Keeper("a record of W&B", _record(), _records, (ValueError,)),
    Keeper("a writer's identity", json.dumps(asdict(_IDENTITY)).encode(), _identity),
    Keeper("counts of refused calls", b'{"not a number": 3}', _refused),
    Keeper("a subject", str(_SUBJECT).encode(), lambda data, _: parse_published(_text(data)), (SchemaError,)),
    Keeper(
        "a stored subject",
        _SUBJECT.stored(partition_of(_SUBJECT.key)).encode(),
        lambda data, _: sound(_text(data)),
        (SchemaError,),
    ),
    Keeper(
        "an account's subject",
        f"account.clinic.job.{WRITER}".encode(),
        lambda data, _: parse_account_subject(_text(data)),
        (SchemaError,),
    ),
    Keeper(
        "a receipt's subject",
        b"receipt.curves.clinic.job",
        lambda data, _: parse_receipt_subject(_text(data)),
        (SchemaError,),
    ),
)
