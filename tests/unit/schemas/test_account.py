"""Accounts to bytes and back."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas import limits
from sitewire.schemas.account import Account, ClassAccount, decode_account, encode_account
from sitewire.schemas.errors import MalformedEnvelope
from sitewire.schemas.record import RecordClass

indexes = st.integers(0, limits.MAX_INDEX)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
class_accounts = st.builds(lambda a, b, held: ClassAccount(max(a, b), min(a, b), held), indexes, indexes, indexes)
accounts = st.builds(
    Account,
    st.dictionaries(st.sampled_from(RecordClass), class_accounts),
    st.booleans(),
    st.booleans(),
    st.dictionaries(names, indexes, max_size=4),
    names,
    st.floats(0, limits.MAX_TIME, exclude_max=True),
    st.booleans(),
    st.booleans(),
    st.floats(0, limits.MAX_TIME, exclude_max=True),
)


@given(accounts)
def test_an_account_comes_back(account: Account) -> None:
    assert decode_account(encode_account(account)) == account


@given(accounts)
def test_an_account_is_settled_when_nothing_is_left_to_publish(account: Account) -> None:
    assert account.settled == (not sum(item.assigned - item.published for item in account.classes.values()))


def _body(**changes: object) -> bytes:
    account = Account({RecordClass.RUN: ClassAccount(3, 2, 1)}, True, False, {"nan": 4}, "mnist", 1.7e9)
    return msgpack.packb(msgpack.unpackb(encode_account(account)) | changes)


def test_an_account_that_was_written_before_there_were_forked_failed_and_stopped_says_none_of_them() -> None:
    account = decode_account(_body())
    assert (account.forked, account.failed, account.stopped) == (False, False, 0.0)
    assert not {"forked", "failed", "stopped"} & msgpack.unpackb(_body()).keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": []},
        {"classes": {"pictures": (3, 2, 1)}},
        {"classes": {b"run": (3, 2, 1)}},
        {"classes": {"run": (3, 2)}},
        {"classes": {"run": (2, 3, 1)}},
        {"classes": {"run": (3, 2, -1)}},
        {"classes": {"run": (3, True, 1)}},
        {"classes": {"run": {"assigned": 3}}},
        {"alive": 1},
        {"ended": None},
        {"refused": {"nan": -1}},
        {"refused": {b"nan": 1}},
        {"experiment": ""},
        {"experiment": b"mnist"},
        {"started": float("nan")},
        {"started": 1},
        {"forked": 1},
        {"failed": None},
        {"stopped": 1},
        {"stopped": -1.0},
        {"more": 1},
    ],
    ids=repr,
)
def test_a_malformed_account_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedEnvelope):
        decode_account(_body(**changes))
