"""When a sink is told how a run stands."""

from __future__ import annotations

import pytest

from sitewire.schemas.account import Account, ClassAccount
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.endings import is_news, owing, standing

RUN = RunKey("clinic", "job")
A, B = "ab" * 16, "cd" * 16
SCALARS, MEDIA = RecordClass.SCALARS, RecordClass.MEDIA
FINISHED = Ending(EndingState.FINISHED, 1, 5.0)
RUNNING = Ending(EndingState.RUNNING, 1, 1.0)
AGAIN = Ending(EndingState.RUNNING, 2, 9.0)


def writer(
    stopped: float = 5.0, *, alive: bool = False, ended: bool = True, scalars: int = 10, media: int = 0
) -> Account:
    classes = {SCALARS: ClassAccount(scalars, scalars, 0), MEDIA: ClassAccount(media, media, 0)}
    return Account(classes, alive, ended and not alive, started=1.0, stopped=0.0 if alive else stopped)


def test_how_a_run_stands_is_not_known_while_the_spool_of_a_dead_writer_is_being_read() -> None:
    assert standing({}) is None
    assert standing({A: writer(), B: writer(stopped=0.0, ended=False)}) is None
    assert standing({A: writer(), B: writer(stopped=0.0, ended=False), "ef" * 16: writer(alive=True)}) is None
    assert standing({A: writer()}) == FINISHED
    assert standing({A: writer(), B: writer(alive=True)}) == RUNNING


@pytest.mark.parametrize(
    ("ending", "told", "expected"),
    [
        (RUNNING, None, False),
        (FINISHED, None, True),
        (AGAIN, None, True),
        (FINISHED, FINISHED, False),
        (AGAIN, FINISHED, True),
        (RUNNING, FINISHED, True),
        (AGAIN, AGAIN, False),
        (Ending(EndingState.FAILED, 1, 5.0), FINISHED, True),
        (Ending(EndingState.FINISHED, 1, 6.0), FINISHED, True),
    ],
)
def test_a_sink_is_told_what_it_has_not_been_told_last(ending: Ending, told: Ending | None, expected: bool) -> None:
    assert is_news(ending, told) == expected


def test_a_sink_owes_what_was_assigned_in_the_classes_that_the_route_reads() -> None:
    def takes(subject: Subject) -> bool:
        return subject.record_class is SCALARS

    accounts = {A: writer(scalars=10, media=3), B: writer(scalars=4)}
    behind = {StreamKey(A, SCALARS): Position(delivered=9)}
    done = {
        StreamKey(A, SCALARS): Position(delivered=8, refused=2),
        StreamKey(B, SCALARS): Position(base=2, delivered=2),
    }
    assert set(owing(RUN, accounts, {}, takes)) == {StreamKey(A, SCALARS), StreamKey(B, SCALARS)}
    assert set(owing(RUN, accounts, behind, takes)) == {StreamKey(A, SCALARS), StreamKey(B, SCALARS)}
    assert not list(owing(RUN, accounts, done, takes))
    assert list(owing(RUN, accounts, done, lambda _: True)) == [StreamKey(A, MEDIA)]
