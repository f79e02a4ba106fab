"""A batch as rows: who shares one, and which row speaks for what is none."""

from __future__ import annotations

from typing import Any

import pytest

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.errors import BatchRefused
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.testing.samples import BEGIN, scalar, span, stream
from sitewire.workers.sinks.wandb.batch import MAX_ROW_VALUES, Batch, make_batch
from sitewire.workers.sinks.wandb.index import Slice

A = stream(1)
RUN = stream(1, RecordClass.RUN)


def metric(name: str, time: float = BEGIN, **place: Any) -> Record:
    return Record(Kind.SCALAR, name, 1.0, time, **place)


def names(batch: Batch) -> list[list[str]]:
    return [[name for name in row.values if not name.startswith("sitewire/")] for row in batch.rows]


def test_neighbours_of_one_step_share_a_row_and_its_place() -> None:
    place: dict[str, Any] = {"step": 3, "round": 1, "epoch": 2, "context": "train"}
    batch = make_batch([span(A, 0, [metric("loss", **place), metric("acc", BEGIN + 0.0004, **place)])])
    assert [row.values for row in batch.rows] == [
        {
            "sitewire/step": 3,
            "sitewire/round": 1,
            "sitewire/epoch": 2,
            "sitewire/context": "train",
            "train/loss": 1.0,
            "train/acc": 1.0,
        }
    ]
    assert (batch.rows[0].time, batch.rows[0].slices) == (BEGIN, [Slice(A, 0, 2)])


@pytest.mark.parametrize(
    "second",
    [
        metric("acc", step=4),
        metric("acc"),
        metric("loss", step=3),
        metric("acc", BEGIN + 0.0011, step=3),
        metric("acc", BEGIN - 0.0011, step=3),
        metric("acc", step=3, round=1),
        metric("acc", step=3, epoch=1),
        metric("acc", step=3, context="train"),
    ],
    ids=["step", "none", "name", "later", "earlier", "round", "epoch", "context"],
)
def test_what_would_lose_its_own_place_has_a_row_of_its_own(second: Record) -> None:
    batch = make_batch([span(A, 7, [metric("loss", step=3), second])])
    assert [row.slices for row in batch.rows] == [[Slice(A, 7, 1)], [Slice(A, 8, 1)]]


def test_a_row_is_bounded() -> None:
    batch = make_batch([span(A, 0, [metric(f"m{n}") for n in range(MAX_ROW_VALUES + 1)])])
    assert [len(row.values) for row in batch.rows] == [MAX_ROW_VALUES, 1]


def test_text_and_numbers_share_a_row_only_within_one_numbering() -> None:
    text = Record(Kind.TEXT, "note", "hello", BEGIN)
    batch = make_batch([span(A, 0, [metric("loss")]), span(stream(1, RecordClass.MEDIA), 0, [text])])
    assert names(batch) == [["loss"], ["note"]]


def test_holes_are_counted_in_the_row_behind_them_and_the_last_one_in_the_last_row() -> None:
    holes = [Delivery(A, Hole(HoleName.DROPPED, at, 2)) for at in (0, 4)]
    batch = make_batch([holes[0], span(A, 2, [scalar(2), scalar(3)]), holes[1]])
    slices = [row.slices for row in batch.rows]
    assert slices == [
        [Slice(A, 0, 2, HoleName.DROPPED), Slice(A, 2, 1)],
        [Slice(A, 3, 1), Slice(A, 4, 2, HoleName.DROPPED)],
    ]
    assert batch.last is None


def test_what_no_row_can_speak_for_has_one_without_values() -> None:
    batch = make_batch([Delivery(A, span(A, 0, [scalar(0)]).stretch, Outcome.FILTERED)])
    assert batch.rows == []
    assert batch.last is not None
    assert (batch.last.values, batch.last.slices) == ({}, [Slice(A, 0, 1, Outcome.FILTERED)])


def test_a_summary_is_counted_behind_itself() -> None:
    summary = Record(Kind.SUMMARY, "best", 0.5, BEGIN)
    batch = make_batch([span(RUN, 0, [summary]), span(A, 0, [scalar(0)])])
    assert batch.summary == {"best": 0.5}
    assert [row.slices for row in batch.rows] == [[Slice(A, 0, 1)]]
    assert batch.last is not None
    assert batch.last.slices == [Slice(RUN, 0, 1)]


def test_what_is_beside_the_rows_is_sorted() -> None:
    start = {"experiment": "e", "name": "n", "group": "g", "job_type": "j", "notes": "no", "parent": "p", "pid": 7}
    records = [
        Record(Kind.RUN_START, "run_start", start, BEGIN),
        Record(Kind.PARAM, "lr", float("nan"), BEGIN),
        Record(Kind.HPARAMS, "hparams", {"params": {"depth": 3}, "metrics": ()}, BEGIN),
        Record(Kind.TAG, "baseline", "", BEGIN),
        Record(Kind.TAG, "x" * 65, "", BEGIN),
        Record(Kind.TAG, "team", "blue", BEGIN),
        Record(Kind.DEFINITION, "val/*", {"step_metric": "epoch", "summary": "min,max"}, BEGIN),
    ]
    batch = make_batch([span(RUN, 0, records)])
    assert batch.info == {"name": "n", "group": "g", "job_type": "j", "notes": "no"}
    assert batch.ours == {"experiment": "e", "parent": "p", "pid": 7}
    assert batch.config == {"lr": "nan", "depth": 3, "tag/" + "x" * 65: "", "tag/team": "blue"}
    assert batch.tags == ["baseline"]
    assert batch.definitions == {"val/*": {"step_metric": "epoch", "summary": "min,max"}}


@pytest.mark.parametrize(
    ("tag", "text", "info"),
    [
        ("wandb.name", "better", {"name": "better"}),
        ("mlflow.runName", "better", {"name": "better"}),
        ("mlflow.runName", "n" * 200, {"name": "n" * 128}),
        ("wandb.notes", "", {"notes": ""}),
        ("mlflow.note.content", "n" * 200, {"notes": "n" * 200}),
    ],
)
def test_a_run_that_is_renamed_is_renamed(tag: str, text: str, info: dict[str, str]) -> None:
    batch = make_batch([span(RUN, 0, [Record(Kind.TAG, tag, text, BEGIN)])])
    assert (batch.info, batch.config, batch.tags) == (info, {f"tag/{tag}": text}, [])


def test_a_beginning_that_says_more_than_the_service_takes_is_cut_and_kept_whole_beside_it() -> None:
    said: dict[str, object] = dict.fromkeys(("name", "group", "job_type", "notes"), "x" * 200)
    batch = make_batch([span(RUN, 0, [Record(Kind.RUN_START, "run_start", said, BEGIN)])])
    assert {name: len(text) for name, text in batch.info.items()} == {
        "name": 128,
        "group": 128,
        "job_type": 64,
        "notes": 200,
    }
    assert batch.ours == {name: text for name, text in said.items() if name != "notes"}


def test_a_definition_whose_context_makes_it_none_is_named() -> None:
    record = Record(Kind.DEFINITION, "a", {}, BEGIN, context="fold*")
    with pytest.raises(BatchRefused, match="no such definition"):
        make_batch([span(RUN, 0, [record])])


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a*b", {}),
        ("a", {"summary": "median"}),
        ("a", {"step_metric": 3}),
        ("a", {"colour": "red"}),
        ("a", {"goal": "up"}),
    ],
)
def test_a_definition_that_wandb_does_not_know_is_named(name: str, how: dict[str, object]) -> None:
    records = [scalar(0)._replace(kind=Kind.PARAM), Record(Kind.DEFINITION, name, how, BEGIN)]
    with pytest.raises(BatchRefused, match="no such definition") as caught:
        make_batch([span(RUN, 4, records)])
    assert caught.value.at == (RUN, 5)


@pytest.mark.parametrize(("goal", "summary"), [("minimize", "min"), ("maximize", "max"), (None, "min")])
def test_the_best_of_a_metric_is_its_least_unless_the_goal_says_otherwise(goal: str | None, summary: str) -> None:
    record = Record(Kind.DEFINITION, "loss", {"summary": "best", "goal": goal}, BEGIN)
    assert make_batch([span(RUN, 0, [record])]).definitions == {"loss": {"summary": summary}}
