"""Troubles in lines: one line a trouble, however many partitions have it."""

from __future__ import annotations

from collections.abc import Iterator

from sitewire.deploy.cli.troubles import outages, troubles
from sitewire.deploy.workforce import OutageHealth, PartitionHealth

FIRST = "2026-01-31T09:00:01+00:00"


def partitions(route: str, *found: str) -> Iterator[tuple[str, PartitionHealth]]:
    return ((route, PartitionHealth(number, "w", trouble)) for number, trouble in enumerate(found))


def locks(place: str, second: int, holder: str = "process 41 on vm") -> list[str]:
    return [
        f"/data/{place}/.sitewire/{number}.lock: held by {holder} since 2026-01-31T09:00:0{second}+00:00"
        for number in range(8)
    ]


def test_what_one_process_holds_is_one_line_whatever_the_route() -> None:
    assert troubles([*partitions("curves", *locks("a", 2)), *partitions("lines", *locks("b", 1))]) == [
        f"16 partitions of curves, lines wait: held by process 41 on vm since {FIRST}: let it go on, or kill it"
    ]


def test_what_two_processes_hold_is_two_lines() -> None:
    mixed = locks("a", 0)[:4] + locks("a", 0, "process 42 on vm")[4:]
    assert [line.split(" since ")[0] for line in troubles(partitions("curves", *mixed))] == [
        "4 partitions of curves wait: held by process 41 on vm",
        "4 partitions of curves wait: held by process 42 on vm",
    ]


def test_a_trouble_of_one_partition_is_told_as_it_is() -> None:
    (lock, *_) = locks("a", 0)
    found = [*partitions("curves", lock, "", "no consumer"), *partitions("lines")]
    assert troubles(found) == [f"curves p0: {lock}", "curves p2: no consumer"]


def test_other_troubles_are_one_line_only_if_they_are_the_same() -> None:
    found = partitions("curves", "run a of site b: full", "no consumer", "run a of site c: full", "no consumer")
    assert troubles(found) == [
        "curves p0: run a of site b: full",
        "2 partitions of curves wait: no consumer",
        "curves p2: run a of site c: full",
    ]


def test_a_place_that_takes_nothing_is_one_line_whatever_routes_and_workers_find_that() -> None:
    one = OutageHealth("w1", "process 41 on vm", 965.0, "connection refused", 1004.0)
    two = OutageHealth("w2", "process 42 on vm", 980.0, "timed out", 1002.5)
    routes = [("hq", "mlflow:x", (one, two)), ("lines", "jsonl:y", ()), ("more", "mlflow:x", (one,))]
    (line,) = outages(routes, 1000.0)
    assert line.startswith("hq, more: mlflow:x takes nothing since 35 s (process 41 on vm and 1 more)")
    assert line.endswith(": connection refused; tried again in 2 s")


def test_a_place_that_is_being_tried_says_so() -> None:
    one = OutageHealth("w1", "process 41 on vm", 965.0, "connection refused", 999.0)
    (line,) = outages([("hq", "mlflow:x", (one,))], 1000.0)
    assert line == "hq: mlflow:x takes nothing since 35 s (process 41 on vm): connection refused; tried now"
