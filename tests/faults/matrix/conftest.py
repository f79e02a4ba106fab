"""A row's line at the end of the session, and its numbers in a file for the documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.matrix.account import Account
from support.matrix.report import keep
from support.notes import NOTE


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[Account], Account]:
    """Have an account shown and kept, whatever it is."""

    def noted(account: Account) -> Account:
        record_property(NOTE, str(account))
        keep(account)
        return account

    return noted
