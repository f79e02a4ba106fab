from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.broker_config.errors import Misuse
from sitewire.broker_config.names import (
    PARTITIONS,
    consumer_name,
    parse_consumer_name,
    retry_consumer_name,
    stored_filters,
    takes,
)
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject


@given(st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True), st.integers(0, PARTITIONS - 1))
def test_a_consumer_s_name_is_read_back(route: str, partition: int) -> None:
    assert parse_consumer_name(consumer_name(route, partition)) == (route, partition)
    assert parse_consumer_name(retry_consumer_name(route, partition)) == (route, partition)


@pytest.mark.parametrize("route", ["", "A", "a.b", "a b", "a_b", "x" * 33, "a\n", "ä"])
def test_a_name_that_is_none_is_refused(route: str) -> None:
    with pytest.raises(Misuse):
        consumer_name(route, 0)


@pytest.mark.parametrize("partition", [-1, PARTITIONS])
def test_a_partition_that_is_none_is_refused(partition: int) -> None:
    with pytest.raises(Misuse):
        consumer_name("a", partition)


def test_consumers_of_others_are_not_ours() -> None:
    assert parse_consumer_name("KV_watcher") is None
    assert parse_consumer_name("route-A-p0") is None


@pytest.mark.parametrize(
    ("subjects", "filters"),
    [
        (["metrics.>"], ["metrics.3.*.*.*.*"]),
        (["metrics.a.*.scalars.>"], ["metrics.3.a.*.run.*", "metrics.3.a.*.scalars.*"]),
        (["metrics.a.*.run.>"], ["metrics.3.a.*.run.*"]),
        (["metrics.a.>", "metrics.a.*.scalars.>"], ["metrics.3.a.*.*.*"]),
        (
            ["metrics.a.*.scalars.>", "metrics.*.*.media.>"],
            ["metrics.3.*.*.media.*", "metrics.3.*.*.run.*", "metrics.3.a.*.scalars.*"],
        ),
    ],
)
def test_filters_have_the_partition_and_the_class_run(subjects: list[str], filters: list[str]) -> None:
    assert list(stored_filters(subjects, 3)) == filters


def test_a_route_takes_what_its_subjects_and_the_class_run_of_the_same_runs_say() -> None:
    taken = takes(["metrics.clinic.*.scalars.>"])
    for site, record_class, expected in (
        ("clinic", RecordClass.SCALARS, True),
        ("clinic", RecordClass.RUN, True),
        ("clinic", RecordClass.MEDIA, False),
        ("elsewhere", RecordClass.SCALARS, False),
        ("elsewhere", RecordClass.RUN, False),
    ):
        assert taken(Subject(RunKey(site, "a job"), record_class, "0" * 32)) == expected
