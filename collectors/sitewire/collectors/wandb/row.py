"""One call of ``log``: what of its dictionary is a number, what is text, and what cannot be held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import time as now
from typing import Any, Final

from sitewire.collectors.errors import Refused
from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.run import Run
from sitewire.collectors.values import as_scalar
from sitewire.collectors.wandb.stand_ins import StandIn

_PLAIN: Final = frozenset({float, int, bool})
_STEP, _TIMESTAMP = "_step", "_timestamp"
"""Columns of W&B's own: it passes over the first and takes the second for the row's time."""

_NO_NUMBERS: Final = (bytes, bytearray, complex, type(None), int)
"""Refused as values, an integer that no float holds among them; of the rest W&B makes charts, tables and lists."""

MAX_DEPTH: Final = 16
"""Dictionaries inside one another: one that holds itself must end somewhere."""

_MAX_TOLD: Final = 1000
"""Names that are told apart when they are refused: a program may make up names without end."""


class Rows:
    """Writes the rows of one run. Each value is one record; all of a row share its step and its time.

    Args:
        run: where they go.
        note: is given the numbers and texts of each row by their names.
    """

    def __init__(self, run: Run, note: Callable[[Mapping[str, object]], None]) -> None:
        self._run = run
        self._note = note
        self._told: set[str] = set()

    def write(self, data: Mapping[str, object], step: int) -> None:
        """Log a row.

        Args:
            data: values by name; of dictionaries inside it the names are joined by dots.
            step: the row's.
        """
        if _PLAIN.issuperset(map(type, data.values())) and _TIMESTAMP not in data and _STEP not in data:
            self._run.log(data, step=step)  # type: ignore[arg-type]  # just looked at: numbers
            self._note(data)
            return
        row = dict(data)
        row.pop(_STEP, None)
        time = row.pop(_TIMESTAMP, None)
        self._write_mixed(row, step, now() if time is None else time)

    def refuse(self, name: object, what: object) -> None:
        """Count a value that cannot be held, and tell it once a name."""
        once = name if isinstance(name, str) and len(self._told) < _MAX_TOLD else ""
        self._told.add(once)
        message = f"{describe(name)}: {describe(what)} is not collected yet"
        self._run.refuse(Reason.NOT_COLLECTED, message, once=once and f"log {once}")

    def _write_mixed(self, row: Mapping[str, object], step: int, time: object) -> None:
        numbers: dict[str, float] = {}
        for name, value in leaves(row):
            number = _number(value)
            if number is None or not isinstance(name, str):
                self._write_one(name, value, step, time)
                continue
            if name in numbers:  # a name with a dot in it, beside one that was joined
                self._write_numbers(numbers, step, time)
                numbers = {}
            numbers[name] = number
        self._write_numbers(numbers, step, time)

    def _write_numbers(self, numbers: Mapping[str, float], step: int, time: object) -> None:
        if numbers:
            self._run.log(numbers, step=step, time=time)  # type: ignore[arg-type]  # whatever it is: checked there
            self._note(numbers)

    def _write_one(self, name: object, value: object, step: int, time: object) -> None:
        if isinstance(value, str):
            self._run.log_text(name, value, step, time)  # type: ignore[arg-type]  # likewise
            if isinstance(name, str):
                self._note({name: value})
        elif isinstance(value, _NO_NUMBERS) or _number(value) is not None:
            self._run.log_scalar(name, value, step, time)  # type: ignore[arg-type]  # likewise
        else:
            self.refuse(name, value)


def leaves(data: Mapping[Any, object], above: str = "", depth: int = 1) -> Iterator[tuple[object, object]]:
    """Yield what dictionaries inside one another hold, each value with its whole name."""
    for name, value in list(data.items()):
        whole = f"{above}.{name}" if above else name
        if type(value) not in _PLAIN and isinstance(value, Mapping) and depth < MAX_DEPTH:
            yield from leaves(value, str(whole), depth + 1)
        else:
            yield whole, value


def _number(value: object) -> float | None:
    if type(value) is float:
        return value
    if isinstance(value, (str, StandIn, Mapping)):
        return None
    try:
        return as_scalar(value)
    except Refused:
        return None
