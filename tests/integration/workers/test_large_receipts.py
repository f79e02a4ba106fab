"""Runs of very many writers: their receipts go through a real broker, and what no message can hold is said."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from nats.aio.client import Client

from sitewire.deploy.accounting import Books, make_row
from sitewire.deploy.cli.runs import as_json, table
from sitewire.deploy.cli.terminal import open_console
from sitewire.deploy.run_state import Heard, RunState
from sitewire.schemas.account import Account, ClassAccount
from sitewire.schemas.receipt import Position, Receipt, StreamKey
from sitewire.workers.receipts import ReceiptBook
from support.stream import RUN, SCALARS, receipt_of, route

pytestmark = pytest.mark.nats


def of_writers(count: int) -> Receipt:
    keys = [StreamKey(secrets.token_hex(16), SCALARS) for _ in range(count)]
    return Receipt("null:hq", dict.fromkeys(keys, Position(delivered=123_456)))


async def test_a_receipt_of_20000_positions_is_stored_and_read_again(client: Client) -> None:
    book, receipt = ReceiptBook(client, "hq"), of_writers(20_000)
    assert await book.load(RUN, "null:hq") is None
    await book.publish(RUN, receipt)
    assert await receipt_of(client) == receipt
    assert await ReceiptBook(client, "hq").load(RUN, "null:hq") == receipt


async def test_what_no_receipt_has_room_for_is_said_by_runs(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    book, receipt = ReceiptBook(client, "hq"), of_writers(40_000)
    await book.load(RUN, "null:hq")
    await book.publish(RUN, receipt)
    stored = await receipt_of(client)
    assert (stored.unlisted, stored.positions) == (40_000, {})
    some = [key.writer for key in receipt.positions][:3]
    account = Account({SCALARS: ClassAccount(123_456, 123_456, 0)}, alive=False, ended=True)
    books = Books({RUN: {writer: Heard(account, 1.7e9) for writer in some}}, {("hq", RUN): stored})
    row = make_row(books, route(), RUN, None)
    assert row is not None
    assert row.state is RunState.RUNNING  # and never complete, since nobody knows
    assert as_json(row)["unlisted"] == 40_000
    await asyncio.to_thread(lambda: open_console().print(table([row])))
    shown = "".join(capsys.readouterr().out.split())  # however it is folded
    assert "40000writersandclassesaretoomany" in shown
