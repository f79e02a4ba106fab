"""What the cases have come to is shown at the end."""

from __future__ import annotations

import pytest

from support.notes import show


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the lines that the tests have noted."""
    show(terminalreporter)
