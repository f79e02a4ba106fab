"""A campaign against the decoders, from a seed: spoiled messages and bombs, one after the other.

``python -m support.hostile.campaign COUNT SEED`` plays it in this process, so that its memory is its own, and prints
what has come of it as JSON. With ``envelope`` behind it only envelopes are spoiled.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from contract.schemas.write_golden import Message
from sitewire.schemas.errors import EnvelopeError, SubjectError
from support.hostile.bombs import bombs, large_records, subject_of
from support.hostile.mutations import Original, mutated
from support.hostile.originals import generated, golden
from support.hostile.sorts import SORTS, written_again

BOMB: Final = "bomb: "
BOMB_EVERY: Final = 2_000
RENEW_EVERY: Final = 10_000
GENERATED: Final = 50
MOST_WORDS: Final = 1_000  # characters of an error: it goes to logs and dead letters


@dataclass
class Tally:
    """What has come of a campaign.

    Attributes:
        tried: messages.
        refused: by the type of the error.
        decoded: those that are sound after all; each was written again.
        bombs: messages among those tried that were made to cost.
        slowest: seconds of the processor that one decoding took at most, and what it was.
        culprit: what took so long.
        before: MiB resident at most before the first one, bombs being made already.
        peak: MiB at the end.
        wrong: what must not have been; empty.
    """

    tried: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    decoded: Counter[str] = field(default_factory=Counter)
    bombs: int = 0
    slowest: float = 0.0
    culprit: str = ""
    before: float = 0.0
    peak: float = 0.0
    wrong: list[str] = field(default_factory=list)


def play(count: int, seed: int, sorts: Sequence[str]) -> Tally:
    """Play a campaign of so many messages."""
    tally = Tally(before=_peak())
    for name, original, data in messages(count, Random(seed), sorts):
        attempt(tally, name, original, data)
    tally.peak = _peak()
    return tally


def messages(count: int, chance: Random, sorts: Sequence[str]) -> Iterator[tuple[str, Original, bytes]]:
    """Yield what is tried: by what it was spoiled, what it was, and its bytes. All bombs come first."""
    yield from exploding(sorts)
    known = [original for original in golden() if original.sort in sorts]
    others, explosive = golden(), list(bombs().items())
    originals = known
    for number in range(count):
        if number % RENEW_EVERY == 0:
            fresh = generated(chance, GENERATED) if "envelope" in sorts else []
            originals = known + fresh
        original = chance.choice(originals)
        if number % BOMB_EVERY == BOMB_EVERY - 1:
            name, data = chance.choice(explosive)
            yield f"{BOMB}{name}", original, data
        else:
            name, data = mutated(chance, original, others)
            yield name, original, data


def exploding(sorts: Sequence[str]) -> Iterator[tuple[str, Original, bytes]]:
    """Yield every bomb once for each sort."""
    of_sort = {original.sort: original for original in golden() if original.sort in sorts}
    if "envelope" in of_sort:
        of_sort["envelope"] = Original("envelope", subject_of(), b"")
        for name, (record_class, data) in large_records().items():
            yield f"{BOMB}{name}", Original("envelope", subject_of(record_class), b""), data
    for original in of_sort.values():
        for name, data in bombs().items():
            yield f"{BOMB}{name}", original, data


def attempt(tally: Tally, name: str, original: Original, data: bytes) -> None:
    """Have one message decoded, and note what comes of it."""
    tally.tried += 1
    tally.bombs += name.startswith(BOMB)
    what = f"{original.sort}, {name}, {len(data)} bytes"
    began = time.thread_time()
    try:
        message = SORTS[original.sort](original.subject, data)
    except (EnvelopeError, SubjectError) as error:
        tally.refused[type(error).__name__] += 1
        message = None
        if len(str(error)) > MOST_WORDS:
            tally.wrong.append(f"{what}: {len(str(error))} characters of an error")
    except Exception as error:  # noqa: BLE001  what else comes out is what is looked for
        tally.wrong.append(f"{what}: {type(error).__name__}: {error!s:.300}: {data.hex()[:2000]}")
        message = None
    took = time.thread_time() - began
    if took > tally.slowest:
        tally.slowest, tally.culprit = took, what
    if message is not None:
        _write_again(tally, what, original, message)


def _write_again(tally: Tally, what: str, original: Original, message: Message) -> None:
    tally.decoded[original.sort] += 1
    try:
        written_again(original.sort, original.subject, message)
    except Exception as error:  # noqa: BLE001  whatever it is, what was decoded cannot be written as it was
        tally.wrong.append(f"{what}: decoded, and then {type(error).__name__}: {error!s:.1000}")


def _peak() -> float:
    # Not ``getrusage``: its peak is that of the process that started this one, if that was larger.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Play it and print the tally."""
    count, seed, *sorts = sys.argv[1:]
    for make in (bombs, large_records):
        make()  # before memory is looked at
    tally = play(int(count), int(seed), sorts or list(SORTS))
    tally.wrong = tally.wrong[:20]
    print(json.dumps(vars(tally)))


if __name__ == "__main__":
    main()
