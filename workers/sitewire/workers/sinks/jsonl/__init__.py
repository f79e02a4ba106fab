"""JSON lines: a file for each class of a run, for people and for their scripts.

Lives here: ``sink``, ``run``, ``lines`` (a record as a line), ``ending`` (how the run stands) and ``recovery`` (files
back to positions). May be changed here: anything that still reads files written before. May import:
``sitewire.schemas``, ``sitewire.workers``.

``<dir>/<run>/<site>/<class>.jsonl``, then ``<class>.2.jsonl`` and so on: whoever finds a torn last line goes on
in a new file. Each line bears writer and index, so the files alone say how far they go. To read them: in the order of
their numbers, each up to its end or to the first line that is not JSON.
"""

from __future__ import annotations

from sitewire.workers.sinks.jsonl.sink import JsonlOptions, JsonlSink

__all__ = ["JsonlOptions", "JsonlSink"]
