"""``sitewire dlq`` does what was meant, says what is not there, and deletes nothing by a slip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.deploy.cli.main import main
from sitewire.schemas.codec import pack_record
from sitewire.schemas.dead_letter import Place, RecordLetter, encode_letter
from sitewire.schemas.receipt import Position, Receipt, StreamKey, encode_receipt
from sitewire.schemas.subject import receipt_subject
from support.command import at_broker, set_up
from support.stream import RUN, SCALARS, WRITER, scalar

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)
COUNT = 3


@pytest.fixture
def letters(file: Path) -> Path:
    """The file, with letters 1 to 3 of ``hq``, and letter 4 of a route that has left the file."""

    async def refuse(client: Client) -> None:
        for number in range(COUNT + 1):
            route = "hq" if number < COUNT else "gone"
            place = Place(route, RUN, KEY, number)
            letter = RecordLetter(place, "no", "X", "null:", 1.7e9, "default", pack_record(scalar(number)))
            await client.jetstream().publish(letter.subject, encode_letter(letter))
        receipt = Receipt("null:", {KEY: Position(dead_letters=COUNT)})
        await client.jetstream().publish(receipt_subject("hq", RUN), encode_receipt(receipt))

    set_up(file)
    at_broker(file, refuse)
    return file


def dlq(file: Path, *arguments: str) -> int:
    """Run the command; return its exit code, also of a usage that is wrong."""
    action, *others = arguments
    try:
        return main(["dlq", action, "-c", str(file), *others])
    except SystemExit as ended:
        return int(ended.code or 0)


def ids(file: Path, capsys: pytest.CaptureFixture[str]) -> list[int]:
    capsys.readouterr()
    assert dlq(file, "list", "--json") == 0
    return [item["id"] for item in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize("chosen", [["--route", "hq"], ["--site", "clinic"], ["--run", "job"]], ids=" ".join)
def test_a_filter_alone_deletes_nothing_and_says_what_it_would(
    chosen: list[str], letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dlq(letters, "drop", *chosen) == 2
    count = COUNT if "hq" in chosen else COUNT + 1
    assert f"this would delete {count} letters for good ({COUNT} of hq" in capsys.readouterr().err
    assert ids(letters, capsys) == [1, 2, 3, 4]


def test_all_of_a_route_are_dropped_when_that_is_said(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dlq(letters, "drop", "--route", "hq", "--all") == 0
    assert capsys.readouterr().out == "3 dropped\n"
    assert ids(letters, capsys) == [4]


@pytest.mark.parametrize(("action", "words"), [("drop", "would be dropped"), ("retry", "would be sent again")])
def test_a_dry_run_shows_them_and_changes_nothing(
    action: str, words: str, letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dlq(letters, action, "--route", "hq", "--dry-run") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == f"3 {words}"
    assert len(shown) == COUNT + 2, "a heading, and a line for each"
    assert ids(letters, capsys) == [1, 2, 3, 4]


def test_a_dry_run_says_what_could_not_be_sent(letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dlq(letters, "retry", "--all", "--dry-run", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["done"], [item["id"] for item in said["left"]], said["dry_run"]) == (COUNT, [4], True)


@pytest.mark.parametrize("action", ["list", "show", "retry", "drop"])
def test_a_misspelled_route_is_a_usage_error_with_the_word_that_was_meant(
    action: str, letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dlq(letters, action, "--route", "gon") == 2
    said = capsys.readouterr().err
    assert "no route `gon` in the file, nor among the dead letters; did you mean `gone`?" in said


@pytest.mark.parametrize("action", ["list", "show", "retry", "drop"])
def test_a_filter_that_meets_nothing_ends_with_one_and_says_so(
    action: str, letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dlq(letters, action, "--route", "hq", "--run", "jobb") == 1
    assert "no dead letter of route `hq`, run `jobb`" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["show", "retry", "drop"])
def test_an_id_that_is_none_ends_with_one_and_says_so(
    action: str, letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dlq(letters, action, "1", "17") == 1
    assert "no letter 17" in capsys.readouterr().err


def test_nothing_there_is_nothing_wrong_as_long_as_nothing_was_named(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(file)
    assert dlq(file, "list") == 0
    assert capsys.readouterr().out == "no dead letters\n"
    assert dlq(file, "drop", "--all") == 0
    assert capsys.readouterr().out == "0 dropped\n"


def test_who_has_chosen_a_run_is_not_told_to_choose_one(
    letters: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitewire.deploy.cli.dlq.MANY", 2)
    assert dlq(letters, "list") == 0
    assert "choose a run with --run" in capsys.readouterr().out
    assert dlq(letters, "list", "--run", "job") == 0
    said = capsys.readouterr().out
    assert "those of one kind are one line" in said
    assert "choose a run" not in said
