"""One record as one event."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tensorboardX import summary
from tensorboardX.proto.api_pb2 import Status  # pyright: ignore[reportAttributeAccessIssue]  # as below
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes classes at run time
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo  # pyright: ignore[reportAttributeAccessIssue]  # as above

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Kind, Primitive, Record
from sitewire.workers.sinks.appearance import shown_name
from sitewire.workers.sinks.tensorboard.session import shown_value

_MARKER_TAG: Final = 0x3A
"""Field 7 (``session_log``), length-delimited, right behind ``wall_time``: no record's event has it there."""


def tag_of(record: Record) -> str:
    """Return the name that TensorBoard shows: the record's own with its context, which it takes whatever it is.

    tensorboardX would replace characters, and two names become one. Texts have the suffix that its and PyTorch's
    writers give them; parameters, tags and figures of the run, which TensorBoard has no place for, are texts.
    """
    return _TAGS[record.kind](shown_name(record))


_TAGS: Final[Mapping[Kind, Callable[[str], str]]] = {
    Kind.SCALAR: lambda name: name,
    Kind.TEXT: lambda name: f"{name}/text_summary",
    Kind.PARAM: lambda name: f"param/{name}/text_summary",
    Kind.TAG: lambda name: f"tag/{name}/text_summary",
    Kind.SUMMARY: lambda name: f"summary/{name}/text_summary",
    Kind.HPARAMS: lambda _: "_hparams_/experiment",
}

WRITTEN: Final = frozenset(_TAGS)
"""The kinds that become an event. Start and end of a run, and definitions, are taken notice of."""

_SESSION_START: Final = "_hparams_/session_start_info"
_SESSION_END: Final = "_hparams_/session_end_info"
_STATUS: Final[Mapping[EndingState, str]] = {
    EndingState.FINISHED: "STATUS_SUCCESS",
    EndingState.FAILED: "STATUS_FAILURE",
    EndingState.RUNNING: "STATUS_RUNNING",
}


class EventEncoder:
    """Turns records into the bytes of events. Not for two threads at once: scalars reuse one message.

    For one batch: protobuf keeps the bytes of every name that was ever set as long as the message lives (measured:
    16 bytes a record, 560 MiB an hour at 10,000 records a second).
    """

    def __init__(self) -> None:
        self._event = Event()
        self._value = self._event.summary.value.add()

    def encode(self, record: Record, step: int) -> bytes:
        """Return the event of a record of one of the kinds ``WRITTEN``."""
        if record.kind is not Kind.SCALAR:
            return _other_event(record, step)
        value, event = self._value, self._event
        value.tag = record.name if record.context is None else shown_name(record)
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
    params = {name: None if item is None else shown_value(item) for name, item in value["params"].items()}
    experiment, start, end = summary.hparams(params, dict.fromkeys(value["metrics"]))
    return experiment, start, end


def session_start(time: float, params: Mapping[str, Primitive]) -> bytes:
    """Return the event that begins the folder's session of the hparams page.

    Args:
        time: seconds since the epoch.
        params: values as ``session.shown_value`` gives them.
    """
    info = SessionStartInfo(start_time_secs=time)
    for name, value in params.items():
        _set(info.hparams[name], value)
    return _session_event(time, _SESSION_START, HParamsPluginData(session_start_info=info))


def session_end(ending: Ending) -> bytes:
    """Return the event that ends it."""
    info = SessionEndInfo(status=Status.Value(_STATUS[ending.state]), end_time_secs=ending.time)
    return _session_event(ending.time, _SESSION_END, HParamsPluginData(session_end_info=info))


def _set(value: Any, to: Primitive) -> None:  # noqa: ANN401  protobuf has no types
    if isinstance(to, bool):
        value.bool_value = to
    elif isinstance(to, (int, float)):
        value.number_value = to
    else:
        value.string_value = str(to)


def _session_event(time: float, tag: str, content: Any) -> bytes:  # noqa: ANN401  protobuf has no types
    event = Event(wall_time=time)
    plugin = event.summary.value.add(tag=tag).metadata.plugin_data
    plugin.plugin_name, plugin.content = "hparams", content.SerializeToString()
    data: bytes = event.SerializeToString()
    return data


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
