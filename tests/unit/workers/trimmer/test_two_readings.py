"""In a cluster a purge rests on two readings: one of them may be what was true before."""

from __future__ import annotations

from sitewire.workers.trimmer.two_readings import APART, TwoReadings


def test_one_reading_is_not_enough() -> None:
    assert TwoReadings().agreed(10, 100.0) == 0


def test_two_agree_on_the_lower_one_whichever_came_first() -> None:
    for first, second in [(10, 7), (7, 10)]:
        readings = TwoReadings()
        readings.agreed(first, 100.0)
        assert readings.agreed(second, 100.0 + APART) == 7


def test_readings_that_are_close_to_each_other_may_be_of_the_same_leader() -> None:
    readings = TwoReadings()
    readings.agreed(10, 100.0)
    assert readings.agreed(10, 100.0 + APART / 2) == 0
    assert readings.agreed(8, 100.0 + APART) == 8


def test_another_connection_begins_anew() -> None:
    readings = TwoReadings()
    readings.agreed(10, 100.0)
    readings.forget()
    assert readings.agreed(10, 200.0) == 0
