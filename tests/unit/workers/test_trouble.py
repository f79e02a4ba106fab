"""What is logged of a run's troubles: each once, with the run's names."""

from __future__ import annotations

import logging

import pytest

from sitewire.schemas.subject import RunKey
from sitewire.workers.trouble import MOST_TRACEBACKS, Trouble

RUN = RunKey("clinic", "job")


@pytest.fixture
def trouble(caplog: pytest.LogCaptureFixture) -> Trouble:
    caplog.set_level(logging.INFO, "sitewire.worker")
    return Trouble("hq", RUN)


def traced(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.exc_info is not None for record in caplog.records)


def test_a_fault_is_traced_once_and_named_by_run_and_site(trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(19):
        trouble.met_unexpected(KeyError("a fault"))
    assert caplog.messages == [
        "route hq, job/clinic: unexpected",
        "route hq, job/clinic: KeyError('a fault'); trying again",
    ]
    assert traced(caplog) == 1


def test_faults_of_other_types_and_texts_are_traced_too(trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        for error in (KeyError("a"), KeyError("b"), ValueError("a")):
            trouble.met_unexpected(error)
    assert traced(caplog) == 3


def test_faults_whose_texts_never_repeat_are_traced_a_few_times(
    trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(50):
        trouble.met_unexpected(ValueError(number))
    assert traced(caplog) == MOST_TRACEBACKS


def test_what_is_over_ends_no_other_trouble(trouble: Trouble) -> None:
    trouble.met("its receipt: no answer")
    trouble.over("its end")
    assert trouble.since is not None
    trouble.over("its receipt")
    assert not trouble.text
    assert not trouble.since


def test_the_log_says_when_a_trouble_is_over(trouble: Trouble, caplog: pytest.LogCaptureFixture) -> None:
    trouble.over()
    trouble.met("a file where job belongs")
    trouble.over()
    trouble.over()
    assert caplog.messages == [
        "route hq, job/clinic: a file where job belongs; trying again",
        "route hq, job/clinic: works again",
    ]
