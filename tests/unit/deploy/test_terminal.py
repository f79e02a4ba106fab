"""The tables of the commands, and names that others chose."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from sitewire.deploy.accounting import RunRow
from sitewire.deploy.cli.runs import table
from sitewire.deploy.cli.status import view
from sitewire.deploy.cli.terminal import open_console, printable
from sitewire.deploy.health import Health, RouteHealth, SiteHealth
from sitewire.deploy.room import Holder, ParkedHealth, RoomHealth
from sitewire.deploy.run_state import RunState
from sitewire.workers.trimmer.needs import NeedKind

MARKUP = "a[/red] [bold]b :smile:"
ESCAPES = "\x1b[31mred\x07\n\u202e"


def health(name: str) -> Health:
    """Return what ``status`` shows of a site, and of a parked run in a nearly full stream, that are called so."""
    holder = Holder(NeedKind.PARKED, "curves", 3, name, name, 1, 1, 1.0, in_file=True)
    parked = ParkedHealth("curves", 3, name, name, 0.0, name)
    site = SiteHealth(name, 0.0, 1, 1)
    return Health((), (), (), (site,), RoomHealth(0.9, None, (holder,)), (parked,), ())


def test_a_name_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    row = RunRow(MARKUP, MARKUP, "curves", RunState.COMPLETE, 1, 1, 1, 0, 0, 0, 0, 0, 0)
    open_console().print(table([row]))
    open_console().print(view(health(MARKUP)))
    assert " ".join(capsys.readouterr().out.split()).count(MARKUP) == 8


def test_a_name_gives_the_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    row = RunRow(ESCAPES, ESCAPES, "curves", RunState.COMPLETE, 1, 1, 1, 0, 0, 0, 0, 0, 0)
    open_console().print(table([row]))
    open_console().print(view(health(ESCAPES)))
    assert " ".join(capsys.readouterr().out.split()).count(r"\x1b[31mred\x07\n\u202e") == 8


def test_into_a_pipe_nothing_is_wrapped_or_cut(capsys: pytest.CaptureFixture[str]) -> None:
    place = "jsonl:/" + "long-folder/" * 40
    route = RouteHealth("curves", place, 1, 0.0, 8, 0, (), 0)
    open_console().print(view(replace(health("n" * 200), routes=(route,))))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("curves  1 message  ") and line.rstrip().endswith(place) for line in lines)
    (full,) = (line for line in lines if line.startswith("the metrics stream is 90% full"))
    assert "1 message, " in full
    assert full.rstrip().endswith("which no worker has taken up"), "a sentence is one line"


def test_on_a_narrow_terminal_a_place_is_shown_to_its_end() -> None:
    place = "jsonl:/" + "long-folder/" * 10 + "the-end"
    text = io.StringIO()
    route = RouteHealth("curves", place, 12, 31.5, 8, 8, (), 0)
    Console(file=text, width=80, force_terminal=True).print(view(replace(health("clinic"), routes=(route,))))
    assert "…" not in text.getvalue()
    assert "the-end" in "".join(line[60:] for line in text.getvalue().splitlines()).replace(" ", "")


def test_what_is_printable_stays() -> None:
    assert printable("Hôpital 4 / 東京") == "Hôpital 4 / 東京"
