"""Sound messages of each sort: the golden vectors, and envelopes made from a seed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from typing import Final

from contract.schemas.write_golden import KEY, encode
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass, Value
from sitewire.schemas.subject import Subject, new_writer
from support.hostile.mutations import Original

__all__ = ["encode", "generated", "golden"]

_GOLDEN: Final = Path(__file__).parents[3] / "schemas" / "golden"
_SORTS: Final = {"metrics": "envelope", "account": "account", "receipt": "receipt", "dead": "letter", "retry": "retry"}
_FLOATS: Final = (0.0, -0.0, 0.5, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan)
_NAMES: Final = ("loss", "train/acc %", "病院", "a" * 1024, "x\x00y", "../..", "🙂")


def golden() -> list[Original]:
    """Return the golden vectors."""
    found = []
    for folder in sorted(_GOLDEN.glob("v*")):
        expected = json.loads((folder / "expected.json").read_text())
        for path in sorted(folder.glob("*.msgpack")):
            subject = expected[path.stem]["subject"]
            found.append(Original(_SORTS[subject.partition(".")[0]], subject, path.read_bytes()))
    return found


def generated(chance: Random, count: int) -> list[Original]:
    """Return envelopes that have not been before."""
    return [_envelope(chance) for _ in range(count)]


def _envelope(chance: Random) -> Original:
    kind = chance.choice([Kind.SCALAR, Kind.SCALAR, *Kind])
    record_class, writer = CLASS_OF[kind], new_writer_of(chance)
    kinds = [one for one in Kind if CLASS_OF[one] is record_class]
    packed = [pack_record(_record(chance, chance.choice(kinds))) for _ in range(chance.choice((0, 1, 1, 3, 20)))]
    first = chance.choice((0, 1, chance.randrange(2**40)))
    holes = _holes(chance, first, len(packed))
    data = encode_envelope(writer, record_class, first, packed, holes, chance.choice(("default", "α", "x" * 256)))
    return Original("envelope", str(Subject(KEY, RecordClass(record_class), writer)), data)


def new_writer_of(chance: Random) -> str:
    """Return a writer from a seed; ``new_writer`` asks the system."""
    assert new_writer()  # the same form
    return f"a{chance.randrange(16**31):031x}"


def _holes(chance: Random, first: int, records: int) -> list[Hole]:
    """Return holes between so many records; one at least where there is none."""
    holes, position = [], first
    for _ in range(chance.choice((0, 0, 1, 3)) if records else 1):
        count = chance.choice((1, 7, 2**50))
        holes.append(Hole(chance.choice(list(HoleName)), position, count))
        position += count
    return holes


def _record(chance: Random, kind: Kind) -> Record:
    rare = [chance.choice((None, None, None, 0, -(2**63), 2**63 - 1)) for _ in range(2)]
    names = [chance.choice((None, None, None, *_NAMES)) for _ in range(2)]
    step = chance.choice((None, 0, -1, 7, 2**63 - 1, -(2**63)))
    time = chance.choice((0.0, 1.7e9, 253402300799.0))
    return Record(kind, chance.choice(_NAMES), _value(chance, kind), time, step, rare[0], rare[1], names[0], names[1])


def _value(chance: Random, kind: Kind) -> Value:
    primitive = chance.choice((None, True, 0, 2**63, 0.5, "text"))
    values: dict[Kind, Value] = {
        Kind.SCALAR: chance.choice(_FLOATS),
        Kind.RUN_END: chance.choice(("finished", "failed")),
        Kind.RUN_START: {"host": "n", "x": primitive},
        Kind.DEFINITION: {"step_metric": "epoch", "hidden": primitive},
        Kind.HPARAMS: {"params": {"lr": primitive}, "metrics": ("loss",)},
        Kind.PARAM: primitive,
        Kind.SUMMARY: primitive,
    }
    return values.get(kind, chance.choice(_NAMES))
