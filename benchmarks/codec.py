"""Microseconds a record to read an envelope of 1500 scalars, beside MessagePack alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack

from sitewire.schemas.codec import decode_envelope, encode_envelope, pack_record
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, new_writer

RECORDS = 1500
ROUNDS = 100
SUBJECT = Subject(RunKey("site", "run"), RecordClass.SCALARS, new_writer())


def _envelope(**rare: Any) -> bytes:  # noqa: ANN401  as Record's
    records = (
        Record(Kind.SCALAR, f"train/metric_{i % 20}", i / 10, 1.7e9 + i / 1000, i // 20, **rare) for i in range(RECORDS)
    )
    return encode_envelope(SUBJECT.writer, SUBJECT.record_class, 0, [pack_record(record) for record in records])


def _best(function: Callable[[], object]) -> float:
    """The least of many rounds: the machine is shared, and only ever makes it slower."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function()
        rounds.append(time.perf_counter() - start)
    return min(rounds) / RECORDS * 1e6


def main() -> None:
    """Measure and print."""
    for what, data in (("plain", _envelope()), ("with a series", _envelope(series="fold 1"))):
        ours = _best(partial(decode_envelope, data, SUBJECT))
        alone = _best(partial(msgpack.unpackb, data, use_list=False))
        print(f"{what:14} {len(data) / RECORDS:5.1f} bytes  {ours:.2f} us a record  (MessagePack alone {alone:.2f})")


if __name__ == "__main__":
    main()
