"""Figures of the tests here are shown at the end of the session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_lines: list[str] = []


@pytest.fixture
def note() -> Callable[[str], None]:
    """Have a line shown at the end of the session, whatever becomes of the test."""
    return _lines.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines."""
    if _lines:
        terminalreporter.section("trackers that were away")
        for line in _lines:
            terminalreporter.write_line(line)
