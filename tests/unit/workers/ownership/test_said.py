"""A trouble of many units is logged once, and once more when the last of them is out of it."""

from __future__ import annotations

import logging

import pytest

from sitewire.workers.ownership.said import SaidOnce


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> SaidOnce:
    caplog.set_level(logging.INFO, "sitewire.worker")
    return SaidOnce()


def held(said: SaidOnce, *numbers: int) -> None:
    for number in numbers:
        said.warn(f"p{number}", f"p{number}: held by process 41", "trying again")


def test_a_trouble_of_many_is_logged_once_and_its_end_too(said: SaidOnce, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        held(said, 1, 2, 3)
    assert caplog.messages == ["p1: held by process 41; trying again"]
    said.over("p1")
    said.over("p3")
    held(said, 2)
    assert len(caplog.messages) == 1
    said.over("p2")
    said.over("p2")
    assert caplog.messages[1:] == ["over: p1: held by process 41 (and 2 more)"]
    held(said, 2)
    assert len(caplog.messages) == 3


def test_one_without_a_trouble_ends_nobody_elses(said: SaidOnce, caplog: pytest.LogCaptureFixture) -> None:
    held(said, 1)
    said.over("p2")
    held(said, 1)
    assert len(caplog.messages) == 1


def test_who_is_gone_does_not_end_a_trouble_in_the_log(said: SaidOnce, caplog: pytest.LogCaptureFixture) -> None:
    held(said, 1, 2)
    said.forget("p1")
    said.forget("p2")
    assert len(caplog.messages) == 1
    held(said, 2)
    assert len(caplog.messages) == 2
