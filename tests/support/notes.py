"""Lines that a test has shown at the end of the session: what became of a case, or what was measured.

They are properties of the test's report, so they arrive from whichever process has run it.
"""

from __future__ import annotations

from typing import Final

import pytest

NOTE: Final = "note"


def show(reporter: pytest.TerminalReporter) -> None:
    """Print the lines of all tests."""
    reports = [report for found in reporter.stats.values() for report in found if getattr(report, "when", "") == "call"]
    lines = [str(line) for report in reports for name, line in report.user_properties if name == NOTE]
    if lines:
        reporter.section("cases and figures")
        for line in lines:
            reporter.write_line(line)
