"""The tables of the commands, and names that others chose."""

from __future__ import annotations

import pytest

from sitewire.deploy.accounting import RunRow
from sitewire.deploy.cli.runs import table
from sitewire.deploy.cli.status import view
from sitewire.deploy.cli.terminal import open_console, printable
from sitewire.deploy.health import Health, SiteHealth
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


def test_what_is_printable_stays() -> None:
    assert printable("Hôpital 4 / 東京") == "Hôpital 4 / 東京"
