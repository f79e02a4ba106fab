"""Troubles in lines: one line a trouble, however many partitions have it."""

from __future__ import annotations

from collections.abc import Iterator

from sitewire.broker_config.names import PARTITIONS, consumer_name
from sitewire.deploy.cli.troubles import outages, troubles
from sitewire.deploy.workforce import OutageHealth, PartitionHealth, Workforce
from sitewire.workers.outage import TAKES_NOTHING, Outage
from sitewire.workers.ownership.lease import UnitLease, WorkerLease
from sitewire.workers.ownership.view import View

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


def test_all_partitions_of_a_route_whose_place_takes_nothing_say_so_alike_and_one_line_tells_it() -> None:
    down = Outage(965.0, "connection refused", 1004.0)
    texts = {0: f"{TAKES_NOTHING}timed out", 1: f"{TAKES_NOTHING}connection refused", 2: "no consumer"}
    units = {consumer_name("hq", number): UnitLease("w", 1.0, texts.get(number, "")) for number in range(PARTITIONS)}
    view = View({"w": WorkerLease("vm", 41, outages={"hq": down})}, units, {})
    found = Workforce((), view).partitions("hq")
    other = found[2]
    assert {item.trouble for item in found if item is not other} == {f"{TAKES_NOTHING}connection refused"}
    assert [item.trouble for item in found if not item.place_down] == ["no consumer"]
    assert troubles(("hq", item) for item in found) == ["hq p2: no consumer"]


def test_a_place_that_only_some_have_found_down_is_their_trouble_until_the_worker_says_it_of_the_route() -> None:
    units = {consumer_name("hq", 0): UnitLease("w", 1.0, f"{TAKES_NOTHING}refused")}
    found = Workforce((), View({"w": WorkerLease("vm", 41)}, units, {})).partitions("hq")
    assert troubles(("hq", item) for item in found) == [f"hq p0: {TAKES_NOTHING}refused"]
