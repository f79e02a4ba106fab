"""One scene for all cases: a broker that stays, workers that come and go; and a line a case at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.checker.load import Finding
from support.checker.scene import Scene, scene
from support.notes import NOTE


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The scene of a module's cases."""
    with scene(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[object, Finding], Finding]:
    """Have a case and what it has come to shown at the end of the session, whatever it is."""

    def noted(case: object, finding: Finding) -> Finding:
        record_property(NOTE, f"{'exact' if finding.exact else 'NOT EXACT'}: {case}: {finding}")
        return finding

    return noted
