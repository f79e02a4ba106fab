"""Receipts that say something else than the tracker holds are noticed, each term of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sitewire.schemas.subject import RunKey
from support.journal import Journal
from support.matrix.books import wrong
from support.matrix.lives import LivedRun
from support.verdict import Verdict

ALL = Verdict(10, 10, 10, 0, 0, 0, 0)
THREE_LOST = Verdict(10, 10, 7, 3, 0, 0, 0)


@pytest.fixture
def run(tmp_path: Path) -> LivedRun:
    return LivedRun(RunKey("clinic", "job"), 1, tmp_path, Journal.create(tmp_path / "journal"))


def row(**changed: object) -> dict[str, Any]:
    """Return the receipt of ten points, a start and an end."""
    fates = {"filtered": 0, "refused": 0, "dead_letters": 0, "gaps": 0, "pending": 0, "delivered": 12}
    return {"route": "tb", "state": "complete", "logged": 12, "sent": 12, "holes": {}, **fates, **changed}


def test_a_receipt_that_is_right_is_not_complained_of(run: LivedRun) -> None:
    assert [*wrong(row(), run, ALL)] == []


def test_nor_is_one_that_names_what_is_lost(run: LivedRun) -> None:
    said = row(state="short", delivered=9, gaps=3, holes={"dropped": 3})
    assert [*wrong(said, run, THREE_LOST)] == []


@pytest.mark.parametrize(
    "said",
    [
        row(state="short"),
        row(state="crashed"),
        row(logged=13),
        row(sent=13, logged=13),
        row(delivered=11, pending=1),
        row(delivered=11, sent=11, logged=11),
        row(delivered=13, sent=13, logged=13),
        row(delivered=9, gaps=3),
        row(delivered=9, gaps=3, holes={"dropped": 3}),
    ],
    ids=str,
)
def test_one_that_says_something_else_is(run: LivedRun, said: dict[str, Any]) -> None:
    assert [*wrong(said, run, ALL)]


def test_what_it_does_not_name_is_lost(run: LivedRun) -> None:
    assert [*wrong(row(), run, THREE_LOST)]
    assert [*wrong(row(state="short", delivered=10, gaps=2, holes={"dropped": 2}), run, THREE_LOST)]


def test_lives_that_were_killed_have_starts_and_no_ends(run: LivedRun) -> None:
    run.starts += [3, 5]
    assert [*wrong(row(logged=14, sent=14, delivered=14), run, ALL)] == []
    assert [*wrong(row(logged=13, sent=13, delivered=13), run, ALL)]
    assert [*wrong(row(logged=15, sent=15, delivered=15), run, ALL)]


def test_one_that_was_killed_before_its_first_point_may_have_no_start(run: LivedRun) -> None:
    run.starts += [3, 3]
    for count in (13, 14):
        assert [*wrong(row(logged=count, sent=count, delivered=count), run, ALL)] == []
