"""What is said when nothing is on its way any more, and not everything is in the tracker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sitewire.deploy.accounting import RunRow
from sitewire.deploy.run_state import RunState
from sitewire.deploy.shortfall import shortfall

ROW = RunRow(
    "job",
    "clinic",
    "hq",
    RunState.COMPLETE,
    logged=0,
    sent=0,
    delivered=0,
    filtered=0,
    refused=0,
    duplicates=0,
    dead_letters=0,
    gaps=0,
    pending=0,
)


def test_when_nothing_is_missing_nothing_is_said() -> None:
    assert shortfall([ROW], {"hq": 0}) == []
    assert shortfall([replace(ROW, duplicates=7, holes={"dropped": 0})], {"hq": 0}) == []


def test_what_is_missing_is_counted_by_route_with_the_runs_that_miss_it() -> None:
    rows = [
        replace(ROW, dead_letters=5),
        replace(ROW, run="other", dead_letters=1, gaps=2000, holes={"dropped": 2000}),
        replace(ROW, route="files", run="other", gaps=2000, holes={"dropped": 2000}),
        replace(ROW, route="third", run="whole"),
    ]
    (said,) = shortfall(rows, {"hq": 0, "files": 0, "third": 0})
    assert said == (
        "not in the tracker: hq: 6 dead letters, 2000 dropped (job of clinic, other of clinic); "
        "files: 2000 dropped (other of clinic); `sitewire runs` and `sitewire dlq list` show them"
    )


def test_what_a_sink_cannot_hold_is_not_in_the_tracker_either() -> None:
    (said,) = shortfall([replace(ROW, refused=3)], {"hq": 0})
    assert "hq: 3 refused by the sink (job of clinic)" in said


def test_a_message_that_nobody_can_read_belongs_to_no_run_and_is_said() -> None:
    (said,) = shortfall([ROW], {"hq": 2})
    assert "hq: 2 messages that could not be read;" in said


@pytest.mark.parametrize(("count", "said"), [(1, "1 site is silent (site-0)"), (5, "5 sites are silent (site-0, ")])
def test_what_silent_sites_hold_is_not_known(count: int, said: str) -> None:
    rows = [replace(ROW, site=f"site-{number}", state=RunState.SILENT) for number in range(count)]
    (found,) = shortfall([*rows, *rows], {"hq": 0})
    assert found.startswith(said)
    assert found.endswith("is not known here")
    assert ("and 2 more" in found) == (count == 5)
