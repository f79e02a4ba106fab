"""What TensorBoard's event files hold, read with its own reader, and what they should hold of records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from sitewire.schemas.record import Kind, Record
from sitewire.workers.sinks.appearance import shown_name, shown_step
from sitewire.workers.sinks.tensorboard.layout import series_path
from sitewire.workers.sinks.testing.hooks import Entry

PREFIXES = {Kind.TEXT: "", Kind.PARAM: "param/", Kind.TAG: "tag/", Kind.SUMMARY: "summary/"}
NOTICED = (Kind.RUN_START, Kind.RUN_END, Kind.DEFINITION)
SESSION = ("_hparams_/session_start_info", "_hparams_/session_end_info")


def read_event_files(folder: Path) -> Iterator[Entry]:
    """Return each event of a run's folder that is a record: its series' folder and tag; time, step and value."""
    for path in sorted(folder.rglob("*tfevents*")):
        series = str(path.parent.relative_to(folder))
        for event in LegacyEventFileLoader(str(path)).Load():
            if event.HasField("summary"):
                tag = event.summary.value[0].tag
                if tag in SESSION:  # of the run's parameters: no record's event begins with one
                    continue
                yield (series, tag), (event.wall_time, event.step, _shown(event.summary))


def expected_events(records: Sequence[Record]) -> Iterator[Entry]:
    """Return the same for records that were delivered in this order."""
    counters: dict[Any, int] = {}
    for record in records:
        if record.kind in NOTICED:
            continue
        line, value = str(series_path(record.series)), record.value
        tag, shown = shown_name(record), str(value)
        if record.kind is Kind.SCALAR:
            with np.errstate(over="ignore"):
                shown = repr(np.float32(float(str(value))))
        elif record.kind is Kind.HPARAMS:
            tag, shown = "_hparams_/experiment", "lr 0.1, depth 3.0, name a, on True; acc"
        else:
            tag = f"{PREFIXES[record.kind]}{shown_name(record)}/text_summary"
            shown = value if isinstance(value, str) else json.dumps(value)
        step = shown_step(record)
        if step is None:
            step = counters.get((line, tag), 0)
            counters[line, tag] = step + 1
        yield (line, tag), (record.time, step, shown)


def _shown(summary: Any) -> str:
    value = summary.value[0]
    if value.HasField("tensor"):
        assert value.metadata.plugin_data.plugin_name == "text"
        return str(value.tensor.string_val[0].decode())
    if value.HasField("simple_value"):
        return repr(np.float32(value.simple_value))
    return _shown_hparams(summary)


def _shown_hparams(summary: Any) -> str:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # pyright: ignore[reportAttributeAccessIssue]  # protobuf

    experiment, start, end = (
        HParamsPluginData.FromString(value.metadata.plugin_data.content) for value in summary.value
    )
    assert end.session_end_info.status
    params = start.session_start_info.hparams
    shown = [
        f"{info.name} {_primitive(params[info.name])}"
        for info in experiment.experiment.hparam_infos
        if info.name in params
    ]
    return f"{', '.join(shown)}; {' '.join(info.name.tag for info in experiment.experiment.metric_infos)}"


def _primitive(value: Any) -> object:
    return getattr(value, value.WhichOneof("kind"))
