from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.broker_config.patterns import PatternRefused, contains, expand, overlap, without_contained
from sitewire.schemas.errors import SubjectError
from sitewire.schemas.subject import parse_published

WRITERS = ("1" * 32, "f" * 32)  # those that begin with zeros are of retries
UNIVERSE = [
    f"metrics.{site}.{run}.{kind}.{writer}"
    for site, run, kind, writer in product(("a", "b"), ("r", "s"), ("scalars", "run"), WRITERS)
]


def matches(pattern: str, subject: str) -> bool:
    """The rules of NATS, written down a second time."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for number, token in enumerate(wanted):
        if token == ">":
            return len(tokens) > number
        if number >= len(tokens) or token not in ("*", tokens[number]):
            return False
    return len(wanted) == len(tokens)


def matched(pattern: str) -> set[str]:
    return {subject for subject in UNIVERSE if matches(pattern, subject)}


def tokens(*known: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("*", *known))


FULL = st.tuples(tokens("a", "b"), tokens("r", "s"), tokens("scalars", "run"), tokens(*WRITERS)).map(
    lambda parts: ".".join(("metrics", *parts))
)
PATTERNS = st.one_of(
    FULL,
    st.tuples(FULL, st.integers(1, 4)).map(lambda item: ".".join((*item[0].split(".")[: item[1]], ">"))),
)


@given(PATTERNS)
def test_an_expanded_pattern_matches_the_same_subjects(pattern: str) -> None:
    assert matched(expand(pattern)) == matched(pattern)
    assert expand(expand(pattern)) == expand(pattern)


@given(FULL, FULL)
def test_overlap_and_containment_agree_with_a_brute_force_matcher(left: str, right: str) -> None:
    # Every token has two values in the universe, so no wildcard can be contained by accident.
    assert overlap(left, right) == bool(matched(left) & matched(right))
    assert contains(left, right) == (matched(left) >= matched(right))


@given(st.lists(FULL, min_size=1, max_size=6))
def test_removing_contained_patterns_loses_no_subject_and_leaves_none_inside_another(patterns: list[str]) -> None:
    left = without_contained(patterns)
    assert set().union(*map(matched, left)) == set().union(*map(matched, patterns))
    assert not any(a != b and contains(a, b) for a in left for b in left)


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("", "metrics.>"),
        (">", "metrics.>"),
        ("metric.a.>", "write `metrics.metric.a.>`"),
        ("metrics", "write `metrics.>`"),
        ("metrics.a", "write `metrics.a.>`"),
        ("metrics.a.b.scalars", "write `metrics.a.b.scalars.>`"),
        ("metrics.a.b.scalars.*.>", ""),
        ("metrics.a.b.scalars.*.*", ""),
        ("metrics.>.a.b.c", "write `*` in the place of `>`"),
        ("metrics.a*.>", "write `*` in the place of `a*`"),
        ("metrics..>", "write `*` for any"),
        ("metrics.hospital a.>", "write `hospital=20a`"),
        ("metrics.klinik-süd.>", "write `klinik-s=C3=BCd`"),
        ("metrics.a=2fb.>", "write `a=3D2fb`"),
        ("metrics.*.*.scalar.>", "did you mean `scalars`?"),
        ("metrics.*.*.scalars.0A", "write `*` for any"),
    ],
)
def test_what_matches_no_record_is_refused_with_advice(pattern: str, advice: str) -> None:
    with pytest.raises(PatternRefused) as caught:
        expand(pattern)
    assert advice in caught.value.suggestion
    assert str(caught.value)


@given(st.text(max_size=40) | st.text(alphabet="metrics.*>ab=2", max_size=40).map("metrics.".__add__))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        expanded = expand(text)
    except PatternRefused:
        return
    subject = expanded.replace("*", "a").split(".")
    subject[3:] = [subject[3] if subject[3] != "a" else "run", WRITERS[0]]
    try:
        parse_published(".".join(subject))
    except SubjectError as error:
        raise AssertionError(expanded) from error
