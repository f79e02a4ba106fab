"""The tables of the commands, and names that others chose."""

from __future__ import annotations

import pytest

from sitewire.deploy.accounting import RunRow
from sitewire.deploy.cli.runs import table
from sitewire.deploy.cli.status import view
from sitewire.deploy.cli.terminal import open_console, printable
from sitewire.deploy.health import Health, SiteHealth
from sitewire.deploy.run_state import RunState

MARKUP = "a[/red] [bold]b :smile:"
ESCAPES = "\x1b[31mred\x07\n\u202e"


def test_a_name_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    row = RunRow(MARKUP, MARKUP, "curves", RunState.COMPLETE, 1, 1, 1, 0, 0, 0, 0, 0, 0)
    open_console().print(table([row]))
    open_console().print(view(Health((), (), (SiteHealth(MARKUP, 0.0, 1, 1),))))
    assert capsys.readouterr().out.count(MARKUP) == 3


def test_a_name_gives_the_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    row = RunRow(ESCAPES, ESCAPES, "curves", RunState.COMPLETE, 1, 1, 1, 0, 0, 0, 0, 0, 0)
    open_console().print(table([row]))
    open_console().print(view(Health((), (), (SiteHealth(ESCAPES, 0.0, 1, 1),))))
    assert capsys.readouterr().out.count(r"\x1b[31mred\x07\n\u202e") == 3


def test_what_is_printable_stays() -> None:
    assert printable("Hôpital 4 / 東京") == "Hôpital 4 / 東京"
