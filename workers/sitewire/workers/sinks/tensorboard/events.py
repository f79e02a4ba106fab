"""One record as one event."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes classes at run time

from sitewire.schemas.record import Kind, Record

_MARKER_TAG: Final = 0x3A
"""Field 7 (``session_log``), length-delimited, right behind ``wall_time``: no record's event has it there."""


def tag_of(record: Record) -> str:
    """Return the name that TensorBoard shows: the record's own, which it takes whatever it is.

    tensorboardX would replace characters, and two names become one. Texts have the suffix that its and PyTorch's
    writers give them; parameters and tags of the run, which TensorBoard has no place for, are texts.
    """
    return _TAGS[record.kind](record.name)


_TAGS: Final[Mapping[Kind, Callable[[str], str]]] = {
    Kind.SCALAR: lambda name: name,
    Kind.TEXT: lambda name: f"{name}/text_summary",
    Kind.PARAM: lambda name: f"param/{name}/text_summary",
    Kind.TAG: lambda name: f"tag/{name}/text_summary",
    Kind.HPARAMS: lambda _: "_hparams_/experiment",
}

WRITTEN: Final = frozenset(_TAGS)
"""The kinds that become an event. Start and end of a run have no form of their own: they are taken notice of."""


class EventEncoder:
    """Turns records into the bytes of events. Not for two threads at once: scalars reuse one message."""

    def __init__(self) -> None:
        self._event = Event()
        self._value = self._event.summary.value.add()

    def encode(self, record: Record, step: int) -> bytes:
        """Return the event of a record of one of the kinds ``WRITTEN``."""
        if record.kind is not Kind.SCALAR:
            return _other_event(record, step)
        value, event = self._value, self._event
        value.tag = record.name
        value.simple_value = record.value
        event.wall_time = record.time
        event.step = step
        data: bytes = event.SerializeToString()
        return data


def _other_event(record: Record, step: int) -> bytes:
    event = Event(wall_time=record.time, step=step)
    if record.kind is Kind.HPARAMS:
        for part in _hparams(record.value):
            event.summary.MergeFrom(part)
    else:
        text = record.value if isinstance(record.value, str) else json.dumps(record.value)
        event.summary.CopyFrom(summary.text(tag_of(record).removesuffix("/text_summary"), text))
    data: bytes = event.SerializeToString()
    return data


def _hparams(value: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401  the codec has checked it; protobuf has no types
    experiment, start, end = summary.hparams(dict(value["params"]), dict.fromkeys(value["metrics"]))
    return experiment, start, end


def first_event(time: float) -> bytes:
    """Return the event that every event file begins with; readers take a run's begin from its time."""
    data: bytes = Event(wall_time=time, file_version="brain.Event:2").SerializeToString()
    return data


def marker_event(time: float, text: str) -> bytes:
    """Return an event that no reader shows: a checkpoint of the session, with our text as its message.

    Args:
        time: seconds since the epoch, above zero.
        text: ASCII.
    """
    log = SessionLog(status=SessionLog.CHECKPOINT, msg=text)
    data: bytes = Event(wall_time=time, session_log=log).SerializeToString()
    return data


def marker_text(data: bytes) -> str | None:
    """Return the text if the event is a marker, without parsing those that are not."""
    if len(data) < 10 or data[0] != 0x09 or data[9] != _MARKER_TAG:
        return None
    text: str = Event.FromString(data).session_log.msg
    return text


def event_tag(data: bytes) -> str:
    """Return the tag of an event that ``EventEncoder`` wrote, as ``tag_of`` gave it."""
    return str(Event.FromString(data).summary.value[0].tag)
