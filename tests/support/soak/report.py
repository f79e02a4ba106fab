"""The table of a soak, in Markdown: what each process used, how far the trackers were behind, and what they have."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from support.soak.processes import Use
from support.soak.rows import NAMES
from support.soak.sampling import Sample
from support.soak.soaking import Soak
from support.soak.trend import Series, is_flat, slope

HOUR: Final = 3600.0
SHARES: Final = (1 / 12, 1 / 4, 1 / 2, 3 / 4, 1.0)
"""Of the time: after 5, 15, 30, 45 and 60 minutes of an hour."""

WARM: Final = 1 / 6
"""Of the time, at the beginning, that does not count for what grows: caches fill, and the stream up to its bound."""

OPEN_TELEMETRY: Final = (
    "| *OpenTelemetry's collector, 10,000 metric data points/s by OTLP, its own published load test, "
    "**not run by this command*** | 26 % avg, 28 % max | 55 avg, 79 max | | | |"
)


def lines(done: Soak) -> Iterator[str]:
    """Yield the report, line by line."""
    yield from _summary(done)
    if len(done.samples) > 1:
        yield ""
        yield from _table(done.samples)
        yield ""
        yield from _flow(done.samples)
        yield ""
        yield from _machine(done.samples)
    yield ""
    yield f"**{'flat' if flat(done) else 'NOT FLAT: ' + ', '.join(growing(done))}**"


def flat(done: Soak) -> bool:
    """Whether no process grows, and no tracker falls behind."""
    return not growing(done)


def growing(done: Soak) -> list[str]:
    """Return what grows, and by how much an hour."""
    found = list[str]()
    for role in roles(done.samples):
        for what, unit, take in _KEPT:
            series = series_of(done.samples, role, take)
            if not is_flat(series):
                found.append(f"{what} of {role} by {slope(series):.1f} {unit}an hour")
    for route in done.samples[-1].behind if done.samples else ():
        behind = [(sample.at / HOUR, sample.behind.get(route, 0) / done.plan.rate) for sample in _warm(done.samples)]
        if not is_flat(behind):
            found.append(f"seconds that {route} is behind by {slope(behind):.1f} an hour")
    return found


def roles(samples: Sequence[Sample]) -> list[str]:
    """Return the kinds of processes that there were, each once."""
    return list(dict.fromkeys(role for sample in samples for role in sample.processes))


def series_of(samples: Sequence[Sample], role: str, take: Callable[[Use], float]) -> Series:
    """Return the mean over the processes of a role, over time, without the beginning."""
    return [
        (sample.at / HOUR, _mean(map(take, sample.processes[role].values())))
        for sample in _warm(samples)
        if role in sample.processes
    ]


_KEPT: Final[Sequence[tuple[str, str, Callable[[Use], float]]]] = (
    ("memory", "MiB ", lambda use: use.rss),
    ("descriptors", "", lambda use: use.fds),
    ("threads", "", lambda use: use.threads),
)


def _summary(done: Soak) -> Iterator[str]:
    plan, last = done.plan, done.samples[-1] if done.samples else None
    minutes = last.at / 60 if last else 0.0
    logged = last.logged if last else 0
    yield f"{minutes:.1f} minutes, {plan.sites} sites x {plan.runs} runs, {logged:,} records logged: "
    yield f"{logged / 60 / minutes if minutes else 0:,.0f} a second (asked for: {plan.rate:,}), rows of {len(NAMES)}."
    yield f"All was delivered {done.drained:.1f} s after the last record; the readers took {done.judged:.0f} s."
    yield ""
    yield "| tracker | attempted | accepted | delivered | lost | duplicated | unexpected | out of order |"
    yield "|---|---|---|---|---|---|---|---|"
    for tracker, verdict in done.verdicts.items():
        numbers = (verdict.attempted, verdict.accepted, verdict.delivered, verdict.lost, verdict.duplicated)
        row = (*numbers, verdict.unexpected, verdict.out_of_order)
        yield f"| {tracker} | " + " | ".join(f"{number:,}" for number in row) + " |"
    yield ""
    yield "receipts: " + ("as the trackers" if not done.complaints else "; ".join(done.complaints[:5]))


def _table(samples: Sequence[Sample]) -> Iterator[str]:
    marks = _marks(samples)
    at = " / ".join(f"{mark.at / 60:.3g}" for mark in marks)
    yield (
        f"| process, at {at} min | CPU, % of a core, since the mark before "
        "| resident MiB | growth, MiB/h | fds | threads |"
    )
    yield "|---|---|---|---|---|---|"
    for role in roles(samples):
        count = len(marks[-1].processes.get(role, {}))
        cells = [
            f"{role} ({count}, each)" if count > 1 else role,
            " / ".join(f"{_cpu(role, *pair):.1f}" for pair in zip([samples[0], *marks], marks, strict=False)),
            " / ".join(f"{_at(mark, role, lambda use: use.rss):.0f}" for mark in marks),
            f"{slope(series_of(samples, role, lambda use: use.rss)):+.1f}",
            " / ".join(f"{_at(mark, role, lambda use: use.fds):.0f}" for mark in (marks[0], marks[-1])),
            " / ".join(f"{_at(mark, role, lambda use: use.threads):.0f}" for mark in (marks[0], marks[-1])),
        ]
        yield "| " + " | ".join(cells) + " |"
    yield OPEN_TELEMETRY


def _flow(samples: Sequence[Sample]) -> Iterator[str]:
    yield "| | median | 95 % | most | last |"
    yield "|---|---|---|---|---|"
    warm = _warm(samples)
    for route in samples[-1].behind:
        yield _spread(f"{route}: records behind", [sample.behind.get(route, 0) for sample in warm], ",.0f")
    for tracker in samples[-1].visible:
        ages = [sample.visible[tracker] for sample in warm if tracker in sample.visible]
        yield _spread(f"{tracker}: age of the newest record that its reader sees, s", ages, ".2f")
    for what in samples[-1].disk:
        yield _spread(f"disk, MiB: {what}", [sample.disk[what] for sample in warm], ",.0f")


def _machine(samples: Sequence[Sample]) -> Iterator[str]:
    first, last = samples[0], samples[-1]
    seconds = last.at - first.at
    ours = sum(_cpu(role, first, last) * len(last.processes.get(role, {})) for role in roles(samples))
    yield f"The machine: {(last.busy - first.busy) / seconds:.2f} cores busy, {ours / 100:.2f} of them by this,"
    yield f"{(last.steal - first.steal) / seconds:.2f} taken by others of its host; load (1 min)"
    loads = [sample.load for sample in samples]
    yield f"{min(loads):.1f} to {max(loads):.1f}, median {statistics.median(loads):.1f}."


def _spread(what: str, values: Sequence[float], form: str) -> str:
    ordered = sorted(values) or [0.0]
    shown = (
        statistics.median(ordered),
        ordered[math.ceil(0.95 * (len(ordered) - 1))],
        ordered[-1],
        (values or [0.0])[-1],
    )
    return f"| {what} | " + " | ".join(format(value, form) for value in shown) + " |"


def _marks(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples nearest to the shares of the time."""
    end = samples[-1].at
    return [min(samples, key=lambda sample: abs(sample.at - share * end)) for share in SHARES]


def _warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    return [sample for sample in samples if sample.at >= WARM * samples[-1].at]


def _cpu(role: str, before: Sample, after: Sample) -> float:
    """Return per cent of a core between two samples, the mean of the processes; one that is new began with 0."""
    there, then = after.processes.get(role, {}), before.processes.get(role, {})
    spent = [use.cpu - (then[pid].cpu if pid in then else 0.0) for pid, use in there.items()]
    return 100 * _mean(spent) / (after.at - before.at) if after.at > before.at else 0.0


def _at(sample: Sample, role: str, take: Callable[[Use], float]) -> float:
    return _mean(map(take, sample.processes.get(role, {}).values()))


def _mean(values: Iterator[float] | Sequence[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
