"""What is read of a stored message, and which subjects are nobody's."""

from __future__ import annotations

import pytest

from sitewire.broker_config.names import PARTITIONS, partition_of
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.errors import SubjectError
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.retry import RetryOf, RetrySubject, encode_retry, new_retry_writer
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.arrival import read, sound

RUN = RunKey("clinic", "job")
SCALARS = RecordClass.SCALARS
WRITER = "ab" * 16
PACKED = [pack_record(Record(Kind.SCALAR, "loss", 1.0, 1.7e9, 0))]


@pytest.mark.parametrize("partition", set(range(PARTITIONS)) - {partition_of(RUN)})
def test_a_message_in_a_partition_that_is_not_its_runs_is_nobodys(partition: int) -> None:
    with pytest.raises(SubjectError, match="not that of its run"):
        sound(Subject(RUN, SCALARS, WRITER).stored(partition))


def test_a_message_of_the_metrics_and_a_retry_are_told_apart_by_their_subjects() -> None:
    partition = partition_of(RUN)
    metrics = read(Subject(RUN, SCALARS, WRITER).stored(partition), 7, encode_envelope(WRITER, SCALARS, 3, PACKED))
    again = new_retry_writer(RetryOf.RECORDS)
    data = encode_retry("null:", (), (), encode_envelope(again, SCALARS, 0, PACKED))
    retry = read(RetrySubject("hq", RUN, SCALARS).stored(partition), 8, data)
    assert (metrics.again, metrics.run, metrics.key.writer, metrics.envelope.first) == (False, RUN, WRITER, 3)
    assert (retry.again, retry.run, retry.key.writer, retry.envelope.first) == (True, RUN, again, 0)
