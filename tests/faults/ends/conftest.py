"""Figures of the tests here are shown at the end of the session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from support.notes import NOTE


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have a line shown at the end of the session, whatever becomes of the test."""
    return partial(record_property, NOTE)
