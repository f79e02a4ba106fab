"""Writes golden vectors that are not there yet. What is there is never written again: old bytes stay readable.

Run as ``python tests/contract/schemas/write_golden.py`` after adding a message to ``MESSAGES``.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from sitewire.schemas import limits
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, Place, RecordLetter, Stored, encode_letter
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, Receipt, StreamKey, encode_receipt, position_fields
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.retry import LetterName, Retry, RetryOf, RetrySubject, Taken, encode_retry
from sitewire.schemas.subject import RunKey, Subject, account_subject, receipt_subject

GOLDEN = Path(__file__).parents[3] / "schemas" / "golden" / f"v{limits.SCHEMA_VERSION}"
WRITER = "00112233445566778899aabbccddeeff"
KEY = RunKey("Hôpital Nº 4", "run/2026-11-21.a")
TIME = 1795258800.125
RETRY_WRITER = RetryOf.RECORDS + WRITER[8:]
PLACE = Place("hq", KEY, StreamKey(WRITER, RecordClass.SCALARS), 2**50)
Message: TypeAlias = Envelope | Account | Receipt | Stored | Retry


def _envelope(record_class: RecordClass, first: int, records: list[Record], *holes: Hole) -> Envelope:
    return Envelope(WRITER, record_class, first, tuple(records), holes, "digits, α = 0.1")


def _scalar(value: float = 0.5, step: int | None = None, name: str = "loss", **rare: Any) -> Record:
    return Record(Kind.SCALAR, name, value, TIME, step, **rare)


MESSAGES: dict[str, Message] = {
    "scalars": _envelope(
        RecordClass.SCALARS, 0, [_scalar(step=0), _scalar(0.25, 1), _scalar(-1e-300, 2, "train/acc %")]
    ),
    "scalar_values": _envelope(
        RecordClass.SCALARS,
        7,
        [_scalar(v) for v in (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308)],
    ),
    "scalar_steps": _envelope(
        RecordClass.SCALARS, 2**40, [_scalar(step=s) for s in (None, 0, -1, limits.MIN_STEP, limits.MAX_STEP, 2**32)]
    ),
    "rare_fields": _envelope(
        RecordClass.SCALARS,
        0,
        [
            _scalar(round=3),
            _scalar(epoch=0),
            _scalar(context="validation"),
            _scalar(series="fold/1"),
            _scalar(step=9, round=-1, epoch=limits.MAX_STEP, context="train", series="病院"),
            _scalar(step=10),
        ],
    ),
    "holes": _envelope(
        RecordClass.SCALARS,
        100,
        [_scalar(step=101), _scalar(step=102), _scalar(step=2000)],
        Hole(HoleName.DROPPED, 100, 1),
        Hole(HoleName.DAMAGED, 103, 7),
        Hole(HoleName.WITHHELD, 110, 2**50),
        Hole(HoleName.EXPIRED, 111 + 2**50, 1),
    ),
    "only_a_hole": _envelope(RecordClass.CONSOLE, 0, [], Hole(HoleName.DROPPED, 0, 12345)),
    "run": _envelope(
        RecordClass.RUN,
        0,
        [
            Record(Kind.RUN_START, "run", {"host": "n", "pid": 42, "rate": 0.5, "resumed": False, "job": None}, TIME),
            Record(Kind.PARAM, "optimizer", "sgd", TIME),
            Record(Kind.PARAM, "layers", 18446744073709551615, TIME),
            Record(Kind.PARAM, "lr", 0.001, TIME),
            Record(Kind.PARAM, "amp", True, TIME),
            Record(Kind.PARAM, "seed", None, TIME),
            Record(Kind.TAG, "note", "", TIME),
            Record(Kind.HPARAMS, "hparams", {"params": {"lr": 0.001, "opt": "sgd"}, "metrics": ("acc", "loss")}, TIME),
            Record(Kind.RUN_END, "run", "finished", TIME),
        ],
    ),
    "run_figures": _envelope(
        RecordClass.RUN,
        3,
        [
            Record(Kind.SUMMARY, "best", 0.5, TIME),
            Record(Kind.SUMMARY, "stopped by", "patience", TIME),
            Record(Kind.DEFINITION, "val/*", {"step_metric": "epoch", "hidden": False, "goal": None}, TIME),
        ],
    ),
    "run_failed": _envelope(RecordClass.RUN, 9, [Record(Kind.RUN_END, "run", "failed", 0.0)]),
    "text": _envelope(RecordClass.MEDIA, 0, [Record(Kind.TEXT, "sample", "# Títle\n\n*x* 🙂", TIME, 5)]),
    "account": Account(
        {RecordClass.SCALARS: ClassAccount(2**50, 2**49, 17), RecordClass.RUN: ClassAccount(0, 0, 0)},
        alive=True,
        ended=False,
        refused={"not a number": 3},
        experiment="digits, α = 0.1",
        started=TIME,
    ),
    "account_ended": Account({}, alive=False, ended=True),
    "account_stopped": Account(
        {RecordClass.RUN: ClassAccount(3, 3, 3)},
        alive=False,
        ended=True,
        started=TIME,
        forked=True,
        failed=True,
        stopped=TIME + 60.25,
    ),
    "receipt": Receipt(
        "tensorboard:/srv/runs",
        {
            StreamKey(WRITER, RecordClass.SCALARS): Position(10, 2**50, 1, 2, 3, dict.fromkeys(HoleName, 4)),
            StreamKey(WRITER, RecordClass.RUN): Position(),
        },
        duplicates=8,
        first_time=TIME,
        last_time=TIME + 0.5,
    ),
    "receipt_ending": Receipt("jsonl:/srv/lines", {}, ending=Ending(EndingState.FAILED, 2, TIME + 60.25)),
}
MESSAGES |= {
    "dead_record": RecordLetter(
        PLACE,
        "a name is too long: 'ü'",
        "BatchRefused",
        "jsonl:/srv/lines",
        TIME,
        "digits",
        pack_record(_scalar(step=7)),
    ),
    "dead_message": MessageLetter(
        "hq", 17, "not a map", "MalformedEnvelope", "jsonl:/srv/lines", TIME, "metrics.3.a.b.run.c", 4, b"\xc1\x00\xff!"
    ),
    "dead_hole": HoleNote(PLACE, "jsonl:/srv/lines", TIME, 3),
    "retry": Retry(
        "jsonl:/srv/lines",
        (LetterName(5, PLACE.subject("record")),),
        (Taken(WRITER, 2**50, 1),),
        Envelope(RETRY_WRITER, RecordClass.SCALARS, 3, (_scalar(step=7),), (), "digits"),
    ),
}


def subject_of(message: Message) -> str:
    """Return the subject that a message of the golden vectors travels under."""
    if isinstance(message, RecordLetter | MessageLetter | HoleNote):
        return message.subject
    if isinstance(message, Retry):
        return RetrySubject("hq", KEY, message.envelope.record_class).stored(5)
    if isinstance(message, Envelope):
        return str(Subject(KEY, message.record_class, message.writer))
    if isinstance(message, Account):
        return account_subject(KEY, WRITER)
    return receipt_subject("hq/tensorboard", KEY)


def encode(message: Message) -> bytes:
    """Write a message as its sender does."""
    if isinstance(message, Envelope):
        packed = [pack_record(record) for record in message.records]
        return encode_envelope(
            message.writer, message.record_class, message.first, packed, message.holes, message.experiment
        )
    if isinstance(message, RecordLetter | MessageLetter | HoleNote):
        return encode_letter(message)
    if isinstance(message, Retry):
        return encode_retry(message.sink, message.letters, message.taken, encode(message.envelope))
    return encode_account(message) if isinstance(message, Account) else encode_receipt(message)


def describe(message: Message) -> dict[str, Any]:
    """Return what a message says, in JSON that any language reads."""
    if isinstance(message, RecordLetter | MessageLetter | HoleNote):
        return {name: _readable(item) for name, item in asdict(message).items()}
    if isinstance(message, Retry):
        rest = {name: _readable(item) for name, item in asdict(message).items() if name != "envelope"}
        return rest | {"envelope": describe(message.envelope)}
    if isinstance(message, Envelope):
        return {
            "writer": message.writer,
            "class": message.record_class,
            "first": message.first,
            "experiment": message.experiment,
            "records": [_plain({k: v for k, v in r._asdict().items() if v is not None}) for r in message.records],
            "holes": [hole._asdict() for hole in message.holes],
        }
    if isinstance(message, Account):
        return {
            "classes": {name: [c.assigned, c.published, c.held] for name, c in message.classes.items()},
            "alive": message.alive,
            "ended": message.ended,
            "refused": dict(message.refused),
            "experiment": message.experiment,
            "started": message.started,
        } | _said({"forked": message.forked, "failed": message.failed, "stopped": message.stopped})
    ending = message.ending
    return {
        "sink": message.sink,
        "positions": [[k.writer, k.record_class, position_fields(p)] for k, p in message.positions.items()],
        "duplicates": message.duplicates,
        "times": [message.first_time, message.last_time],
    } | _said({"ending": None if ending is None else [ending.state, ending.attempt, ending.time]})


def _said(optional: dict[str, Any]) -> dict[str, Any]:
    """What is left out where it says nothing: vectors that are older than a key have none."""
    return {name: value for name, value in optional.items() if value}


def _readable(value: object) -> object:
    """Bytes in hexadecimal, tuples as lists, names of things as they are."""
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_readable(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _plain(value: object) -> object:
    """Floats that JSON has no words for become strings, integers and floats stay apart, tuples become lists."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def main() -> None:
    """Write what is missing."""
    index = GOLDEN / "expected.json"
    expected = json.loads(index.read_text()) if index.exists() else {}
    for name, message in MESSAGES.items():
        path = GOLDEN / f"{name}.msgpack"
        if name not in expected and not path.exists():
            path.write_bytes(encode(message))
            expected[name] = {"subject": subject_of(message), "is": describe(message)}
    index.write_text(json.dumps(expected, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
