"""One scene for all cases: a broker that stays, workers that come and go; and a line a case at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.checker.load import Finding
from support.checker.scene import Scene, scene

_lines: list[str] = []


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene of a module's cases."""
    with scene(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture
def note() -> Callable[[object, Finding], Finding]:
    """Have a case and what it has come to shown at the end of the session, whatever it is."""

    def noted(case: object, finding: Finding) -> Finding:
        _lines.append(f"{'exact' if finding.exact else 'NOT EXACT'}: {case}: {finding}")
        return finding

    return noted


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the cases."""
    if _lines:
        terminalreporter.section("cases of the checker")
        for line in _lines:
            terminalreporter.write_line(line)
