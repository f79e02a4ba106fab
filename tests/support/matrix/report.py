"""Accounts of rows in a file, and as a table: ``python -m support.matrix.report FILE`` prints it in Markdown.

``SITEWIRE_TEST_ACCOUNTS`` names the file, which ``make faults`` sets: one line of JSON for each row that was played. Of
a row that was played more than once the last one counts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from support.matrix.account import Account

VARIABLE: Final = "SITEWIRE_TEST_ACCOUNTS"
_OF_A_ROW: Final = ("row", "strikes", "attempted", "accepted", "acknowledged")
_JUDGED: Final = ("tracker", "delivered", "lost", "duplicated", "unexpected", "recovered")
_BESIDE: Final = ("named in receipts", "catch-up s (median / longest)", "most MiB", "seed")
HEAD: Final = (*_OF_A_ROW, *_JUDGED, *_BESIDE)
_OF_A_TRACKER: Final = slice(len(_OF_A_ROW), len(_OF_A_ROW) + len(_JUDGED))

# Read when it is imported: a test's environment has none of ours.
_FILE: Final = os.environ.get(VARIABLE)


def keep(account: Account) -> None:
    """Add an account to the file, if there is to be one."""
    if _FILE:
        with Path(_FILE).open("a") as file:
            file.write(json.dumps(account.as_json()) + "\n")


def table(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a table, one line for each row and tracker."""
    rows = {account["row"]: account for account in map(json.loads, lines)}
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for account in rows.values():
        for number, (tracker, verdict) in enumerate(account["verdicts"].items()):
            cells = _cells(account, tracker, verdict)
            if number:  # of a row's further trackers, what is theirs alone
                theirs = cells[_OF_A_TRACKER]
                cells = ["" for _ in cells]
                cells[_OF_A_TRACKER] = theirs
            yield f"| {' | '.join(cells)} |"


def _cells(account: Mapping[str, Any], tracker: str, verdict: Mapping[str, int]) -> list[str]:
    waits = account["catch_up"]
    return [
        account["row"],
        str(sum(account["strikes"].values())),
        f"{verdict['attempted']:,}",
        f"{verdict['accepted']:,}",
        f"{account['acknowledged']:,}",
        tracker,
        f"{verdict['delivered']:,}",
        *[str(verdict[name]) for name in ("lost", "duplicated", "unexpected")],
        str(account["recovered"].get(tracker, 0)),
        str(account["named"]),
        f"{median(waits):.1f} / {max(waits):.1f}" if waits else "",
        ", ".join(f"{role} {peak}" for role, peak in sorted(account["memory"].items())),
        str(account["seed"]),
    ]


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as source:
        print("\n".join(table(source)))
