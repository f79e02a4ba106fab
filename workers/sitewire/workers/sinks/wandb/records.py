"""W&B's records, as far as a run is read back from them. The numbers are those of ``wandb_internal.proto``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sitewire.workers.sinks.wandb.protobuf import fields, signed, varint

INDEX: Final = "_sitewire"
"""The key of a row that holds its index (``index``)."""

OURS: Final = "sitewire"
"""The key of the config that says which run of which site this is, and how it stands."""

_INDEX_ITEM: Final = b"\x12\x09_sitewire\x82\x01"
"""Key, and what the JSON behind it begins with, of an item of a row. No text in UTF-8 holds these bytes."""

_HISTORY, _SUMMARY, _CONFIG, _METRIC, _RUN, _EXIT = 2, 3, 5, 12, 17, 18
_INFO: Final = {6: "group", 7: "job_type", 8: "name", 9: "notes", 3: "project"}
_SUMMARIES: Final = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 7: "copy", 8: "first"}


@dataclass(slots=True)
class Shown:
    """What is to be seen of a run beside its rows.

    Attributes:
        info: ``name``, ``group``, ``job_type``, ``notes``, ``project``.
        tags: labels, in the order in which they came.
        config: with ``OURS``.
        definitions: by name or glob, the arguments of ``define_metric``.
        last: of the summary, by key, the JSON of what was said of it and of the last values that W&B takes into it by
            itself, in the order of the last writes: each row of a client says it anew, and few are ever read.
        exit: the code of a run that is finished.
    """

    info: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    exit: int | None = None

    def summary(self) -> dict[str, Any]:
        """Return the summary.

        Raises:
            ValueError: something in it is no JSON.
        """
        found: dict[str, Any] = {}
        for key, text in self.last.items():
            _put(found, key, _json(text))
        return found


def row_number(data: bytes) -> int | None:
    """Return the number of the row that a record is; None if it is none.

    Raises:
        ValueError: it is no record.
    """
    for number, value in fields(data):
        if number == _HISTORY:
            return _step(_message(value))
    return None


def is_exit(data: bytes) -> bool:
    """Whether a record says that the run is finished.

    Raises:
        ValueError: it is no record.
    """
    return any(number == _EXIT for number, _ in fields(data))


def row(data: bytes) -> tuple[int, str] | None:
    """Return number and index of the row that a record is; None if it is none.

    Raises:
        ValueError: it is no record, or the row is without an index: somebody else has written it.
    """
    for number, value in fields(data):
        if number == _HISTORY:
            message = _message(value)
            at = message.find(_INDEX_ITEM)
            if at < 0:
                msg = f"row {_step(message)} has no {INDEX}"
                raise ValueError(msg)
            length, at = varint(message, at + len(_INDEX_ITEM))
            return _step(message), str(_json(message[at : at + length]))
    return None


def take(shown: Shown, data: bytes) -> None:
    """Take what a record says of a run, if it says something.

    Raises:
        ValueError: it is no record.
    """
    for number, value in fields(data):
        if number in _TAKE:
            _TAKE[number](shown, _message(value))


def _json(text: bytes | str) -> Any:  # noqa: ANN401  whatever W&B was told
    try:
        return json.loads(text)
    except RecursionError as error:
        msg = "JSON that is nested without end"
        raise ValueError(msg) from error


def _take_run(shown: Shown, message: bytes) -> None:
    found = list(fields(message))
    shown.tags = [_message(value).decode() for number, value in found if number == 10]
    shown.info.update({_INFO[number]: _message(value).decode() for number, value in found if number in _INFO})
    for number, value in found:
        if number == 4:
            _take_config(shown, _message(value))


def _take_config(shown: Shown, message: bytes) -> None:
    for key, text in _items(message):
        if key != ["_wandb"]:
            _put(shown.config, key, _json(text))


def _take_summary(shown: Shown, message: bytes) -> None:
    for key, text in _items(message):
        if not key[0].startswith("_"):
            path = tuple(key)
            shown.last.pop(path, None)  # a part that was said before all of it is not to come behind it
            shown.last[path] = text


def _take_metric(shown: Shown, message: bytes) -> None:
    said = dict(fields(message))
    if said.get(10):  # the client's own, made of a glob
        return
    options = dict(fields(_message(said.get(6, b""))))
    how: dict[str, Any] = {"step_sync": bool(options.get(1)), "hidden": bool(options.get(2))}
    if 4 in said:
        how["step_metric"] = _message(said[4]).decode()
    summaries = [
        _SUMMARIES[number] for number, value in fields(_message(said.get(7, b""))) if value and number in _SUMMARIES
    ]
    if summaries:
        how["summary"] = ",".join(summaries)
    shown.definitions[_message(said.get(1) or said.get(2, b"")).decode()] = how


def _take_exit(shown: Shown, message: bytes) -> None:
    code = dict(fields(message)).get(1, 0)
    shown.exit = code if isinstance(code, int) else 0


_TAKE: Final[Mapping[int, Callable[[Shown, bytes], None]]] = {
    _SUMMARY: _take_summary,
    _CONFIG: _take_config,
    _METRIC: _take_metric,
    _RUN: _take_run,
    _EXIT: _take_exit,
}


def _items(message: bytes) -> Iterator[tuple[list[str], bytes]]:
    """Yield key and JSON of each item of a row, a config or a summary."""
    for number, value in fields(message):
        if number == 1:
            key: list[str] = []
            text = b"null"
            for at, part in fields(_message(value)):
                if at == 16:
                    text = _message(part)
                elif at in (1, 2):
                    key.append(_message(part).decode())
            yield key or [""], text


def _put(into: dict[str, Any], key: Sequence[str], value: Any) -> None:  # noqa: ANN401  JSON
    for part in key[:-1]:
        inner = into.get(part)
        into[part] = into = inner if isinstance(inner, dict) else {}
    into[key[-1]] = value


def _step(message: bytes) -> int:
    for number, value in fields(message):
        if number == 2:
            num = dict(fields(_message(value))).get(1, 0)
            return signed(num) if isinstance(num, int) else 0
    return 0


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        msg = f"a number, {value}, where a message or a text belongs"
        raise ValueError(msg)  # noqa: TRY004  what was read is wrong, not how it is called
    return value
