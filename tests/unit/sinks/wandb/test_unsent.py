"""Which rows of a run's files are sent again, and in which order."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from sitewire.workers.sinks.wandb.unsent import as_sent, unsent_rows
from support.wandb.files import framed, row, run


def _file(folder: Path, name: str, numbers: range, **values: Any) -> Path:
    path = folder / f"{name}.wandb"
    rows = (
        row(number, {"x": number, "_step": number, "_runtime": 1, "_sitewire": "0:0+1", **values}) for number in numbers
    )
    path.write_bytes(framed([run("one"), *rows]))
    return path


def test_rows_come_once_and_in_order_from_whichever_file_has_them(tmp_path: Path) -> None:
    later, first, last = (_file(tmp_path, *of) for of in (("b", range(5, 9)), ("a", range(5)), ("c", range(9, 12))))
    files = [later, first, last]  # clocks go back: names and rows need not agree
    assert [number for number, _ in unsent_rows(files, 0, 12)] == list(range(12))
    assert [number for number, _ in unsent_rows(files, 6, 11)] == [6, 7, 8, 9, 10]
    assert list(unsent_rows(files, 12, 12)) == []


def test_a_row_that_two_files_have_comes_once(tmp_path: Path) -> None:
    files = [_file(tmp_path, "a", range(5)), _file(tmp_path, "b", range(3, 8))]
    assert [number for number, _ in unsent_rows(files, 0, 8)] == list(range(8))


def test_values_are_as_they_were_without_what_is_the_clients_or_the_files(tmp_path: Path) -> None:
    file = _file(tmp_path, "a", range(1), y="two\nlines", z=math.inf, _timestamp=1.5)
    ((number, values),) = unsent_rows([file], 0, 1)
    assert (number, values) == (0, {"x": 0, "y": "two\nlines", "z": math.inf, "_timestamp": 1.5})
    assert as_sent([(0, {**values, "_sitewire": "0:0+1"})]) == [(0, values)]


def test_a_file_without_rows_and_one_that_is_torn_are_no_hindrance(tmp_path: Path) -> None:
    empty, torn = tmp_path / "empty.wandb", _file(tmp_path, "torn", range(3))
    empty.touch()
    torn.write_bytes(torn.read_bytes()[:-1])
    assert [number for number, _ in unsent_rows([empty, torn], 0, 3)] == [0, 1]
