"""Accounts as lines and as a table."""

from __future__ import annotations

import json

from support.matrix.account import Account
from support.matrix.report import HEAD, table
from support.verdict import Verdict


def account(lost: int = 0) -> Account:
    made = Account("F5 a worker is killed", 7, {"a worker is killed": 3}, acknowledged=1000, catch_up=[1.0, 4.5])
    for tracker in ("tb", "mlflow"):
        made.add(tracker, Verdict(1001, 1000, 1000 - lost, lost, 0, 0, 0))
    return made


def test_a_line_says_first_whether_the_row_is_exact() -> None:
    assert str(account()).startswith("exact: F5 a worker is killed (seed 7); 3 x a worker is killed; attempted 1001")
    assert str(account(lost=1)).startswith("NOT EXACT")


def test_an_account_with_a_complaint_or_without_any_tracker_is_not_exact() -> None:
    complained = account()
    complained.complaints.append("a receipt")
    assert not complained.exact
    assert not Account("nothing was judged", 1).exact


def test_the_table_has_a_line_for_each_tracker_and_the_last_playing_of_a_row() -> None:
    lines = [json.dumps(made.as_json()) for made in (account(lost=1), account())]
    head, rule, *rows = table(lines)
    assert head.count("|") == rule.count("|") == len(HEAD) + 1
    assert [row.split(" | ")[5:9] for row in rows] == [["tb", "1,000", "0", "0"], ["mlflow", "1,000", "0", "0"]]
    assert all(row.count("|") == head.count("|") for row in rows)
