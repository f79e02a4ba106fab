"""What the service is asked and what its answers mean, at the stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from sitewire.workers.errors import PlaceDown, Temporary, Throttled
from sitewire.workers.sinks.wandb import service
from sitewire.workers.sinks.wandb.service import Served, Service, ServiceRefused, ask, from_status
from support.wandb.standin import Fault, StandIn, Where


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn() as standin:
        yield standin


@pytest.fixture
def there(standin: StandIn, tmp_path: Path) -> Service:
    """The stand-in, as one who has a key knows it."""
    key = tmp_path / "key"
    key.write_text(f"{standin.api_key}\n")
    return Service(standin.url, standin.entity, key)


def test_a_run_has_what_its_last_line_says_and_an_unknown_one_has_nothing(standin: StandIn, there: Service) -> None:
    standin.runs.upsert("project", "one", {})
    assert ask(there, "project", "one") == Served()
    lines = [json.dumps({"_step": step}) for step in (0, 1, 4)]
    standin.run("project", "one").write("wandb-history.jsonl", 0, lines)
    assert ask(there, "project", "one") == Served(rows=3, next_row=5)
    assert ask(there, "project", "two") == Served()


def test_a_wrong_key_is_the_places_trouble_and_is_not_shown(standin: StandIn, there: Service) -> None:
    there.api_key_file.write_text("f" * 40)
    with pytest.raises(PlaceDown, match="401 Unauthorized; look at api_key_file") as caught:
        ask(there, "project", "one")
    assert "f" * 40 not in f"{caught.value!r}{there!r}"


def test_a_server_that_wants_to_be_left_alone_says_for_how_long(standin: StandIn, there: Service) -> None:
    standin.faults.add(Fault(Where.GRAPHQL, status=429, retry_after=7))
    with pytest.raises(Throttled) as caught:
        ask(there, "project", "one")
    assert caught.value.seconds == 7


def test_a_refused_connection_is_a_place_that_is_down_at_once(standin: StandIn, there: Service) -> None:
    standin.stop()
    began = time.monotonic()
    with pytest.raises(PlaceDown, match="refused"):
        ask(there, "project", "one")
    assert time.monotonic() - began < 2


def test_a_server_that_does_not_answer_is_given_up_after_a_while(
    standin: StandIn, there: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PATIENCE", 0.2)
    standin.faults.add(Fault(Where.GRAPHQL, hangs=True))
    with pytest.raises(PlaceDown, match="timed out"):
        ask(there, "project", "one")


def test_an_address_of_something_else_is_a_place_that_is_down(there: Service) -> None:
    elsewhere = replace(there, base_url=f"{there.base_url}/elsewhere")
    with pytest.raises(PlaceDown, match="is base_url the address"):
        ask(elsewhere, "project", "one")


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "k\xe9y", None])
def test_a_file_without_a_key_is_the_places_trouble_and_is_not_shown(there: Service, content: str | None) -> None:
    there.api_key_file.unlink()
    if content is not None:
        there.api_key_file.write_text(content, encoding="latin-1")
    with pytest.raises(PlaceDown, match=str(there.api_key_file)) as caught:
        ask(there, "project", "one")
    assert not content or content not in str(caught.value)


def test_an_error_in_an_answer_is_one_of_the_run(there: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_QUERY", "")
    monkeypatch.setattr("support.wandb.standin.graphql._ANSWERS", {})
    with pytest.raises(ServiceRefused, match="does not know RunResumeStatus"):
        ask(there, "project", "one")


@pytest.mark.parametrize("status", sorted(HTTPStatus))
def test_every_status_has_an_error_of_ours(status: HTTPStatus) -> None:
    found = from_status(status, None, "somewhere")
    assert isinstance(found, Temporary)
    assert str(int(status)) in str(found)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-1", 0),
        (None, None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2026 07:28:00", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_not_at_all(said: str | None, seconds: float | None) -> None:
    found = from_status(429, said, "somewhere")
    assert isinstance(found, Throttled)
    assert found.seconds == seconds
