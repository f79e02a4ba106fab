"""Names, tokens and subjects: one name has one token, and nobody can speak as another."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sitewire.schemas import limits
from sitewire.schemas.errors import NameRefused, SubjectError
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import (
    RunKey,
    Subject,
    account_subject,
    escape,
    new_writer,
    parse_account_subject,
    parse_published,
    parse_receipt_subject,
    parse_stored,
    receipt_subject,
    unescape,
)

WRITER = "0123456789abcdef0123456789abcdef"


def _fits(name: str) -> bool:
    return sum(1 if re.fullmatch("[A-Za-z0-9_-]", c) else 3 * len(c.encode()) for c in name) <= limits.MAX_TOKEN_BYTES


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=limits.MAX_NAME_CHARACTERS).filter(_fits)
keys = st.builds(RunKey, names, names)
tokens = st.text(st.sampled_from("abzAZ09_-=.*>/ FG\r\n\0é"), max_size=12)


@given(names)
@example("..")
@example("5")
@example("a.b*c>d/e f%g=h")
@example("=41")
@example("Hôpital Nº 4, 病院")
def test_every_name_comes_back_from_its_token(name: str) -> None:
    token = escape(name)
    assert unescape(token) == name
    assert re.fullmatch(r"[A-Za-z0-9_=-]{1,200}", token)


@given(names, names)
def test_two_names_never_share_a_token(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@given(tokens)
@example("=41")
@example("=c3=a9")
@example("=C3")
@example("a\n")
@example("=ED=A0=80")
@example("x" * 201)
@example("x" * 65)
def test_a_token_is_read_only_in_its_one_spelling(token: str) -> None:
    try:
        name = unescape(token)
    except SubjectError:
        return
    assert escape(name) == token


@pytest.mark.parametrize("token", ["", "=41", "=c3=a9", "=C3", "=C", "a.b", "*", ">", "a\n", "=ED=A0=80", "x" * 65])
def test_other_spellings_are_refused(token: str) -> None:
    with pytest.raises(SubjectError):
        unescape(token)


@pytest.mark.parametrize("name", ["", "x" * 65, "é" * 34, "病" * 23, "\ud800", "x" * 10_000])
def test_a_name_that_no_subject_can_hold_is_refused(name: str) -> None:
    with pytest.raises(NameRefused):
        escape(name)


@pytest.mark.parametrize("name", ["x" * 64, "é" * 33, "病" * 22])
def test_the_longest_names_still_fit(name: str) -> None:
    assert unescape(escape(name)) == name


@given(keys, st.sampled_from(RecordClass), st.integers(0, 999))
def test_a_subject_comes_back_as_published_and_as_stored(
    key: RunKey, record_class: RecordClass, partition: int
) -> None:
    subject = Subject(key, record_class, new_writer())
    assert parse_published(str(subject)) == subject
    assert parse_stored(subject.stored(partition)) == (partition, subject)


@given(keys, names)
def test_subjects_of_accounts_and_receipts_come_back(key: RunKey, route: str) -> None:
    assert parse_account_subject(account_subject(key, WRITER)) == (key, WRITER)
    assert parse_receipt_subject(receipt_subject(route, key)) == (route, key)


def test_a_site_called_metrics_does_not_disturb_where_the_partition_goes() -> None:
    subject = Subject(RunKey("metrics", "metrics"), RecordClass.SCALARS, WRITER)
    assert subject.stored(3) == f"metrics.3.metrics.metrics.scalars.{WRITER}"


@given(st.lists(tokens, max_size=8).map(".".join))
@example(f"metrics.5.site.run.scalars.{WRITER}")
@example(f"metrics.site.run.scalars.{WRITER}.x")
@example(f"metrics.site.run.pictures.{WRITER}")
@example(f"metrics.site.run.scalars.{WRITER.upper()}")
@example(f"metrics.site.run.scalars.{WRITER}\n")
@example(f"metrics.03.site.run.scalars.{WRITER}")
@example(f"metrics.²3.site.run.scalars.{WRITER}")
@example(f"metrics.{'9' * 5000}.site.run.scalars.{WRITER}")
def test_a_subject_is_refused_or_read_in_its_one_spelling(subject: str) -> None:
    spellings: tuple[Callable[[], str], ...] = (
        lambda: str(parse_published(subject)),
        lambda: (parsed := parse_stored(subject))[1].stored(parsed[0]),
        lambda: account_subject(*parse_account_subject(subject)),
        lambda: receipt_subject(*parse_receipt_subject(subject)),
    )
    for spelling in spellings:
        with contextlib.suppress(SubjectError):
            assert spelling() == subject


@pytest.mark.parametrize("writer", ["", WRITER[1:], WRITER + "0", WRITER + "\n", WRITER.upper(), "g" * 32, "=41" * 32])
def test_what_is_no_writer_is_refused(writer: str) -> None:
    with pytest.raises(SubjectError):
        parse_published(f"metrics.site.run.scalars.{writer}")
    with pytest.raises(SubjectError):
        parse_account_subject(f"account.site.run.{writer}")


def test_a_stored_subject_is_not_taken_for_a_published_one() -> None:
    with pytest.raises(SubjectError):
        parse_published(f"metrics.5.site.run.scalars.{WRITER}")
    with pytest.raises(SubjectError):
        parse_stored(f"metrics.site.run.scalars.{WRITER}")


def test_writers_differ() -> None:
    assert len({new_writer() for _ in range(100)}) == 100
