"""What is said of a run as a whole, and what its records may say besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sitewire.collectors import Run
from sitewire.schemas.record import Kind, Record
from support.trainer import writers


def _records(spool: Path, *kinds: Kind) -> list[Record]:
    return [record for written in writers(spool) for record in written.records if record.kind in kinds]


def _said(spool: Path, kind: Kind) -> list[tuple[str, object]]:
    return [(record.name, record.value) for record in _records(spool, kind)]


class Unwritable:
    """Something whose text nobody gets."""

    def __str__(self) -> str:
        raise ZeroDivisionError


class Failing(Mapping[str, object]):
    """A mapping that fails in the middle."""

    def __getitem__(self, key: str) -> object:
        raise ZeroDivisionError

    def __iter__(self) -> Iterator[str]:
        raise ZeroDivisionError

    def __len__(self) -> int:
        raise ZeroDivisionError


def test_params_keep_the_types_that_records_have_and_the_rest_is_written(spool: Path, run: Run) -> None:
    run.log_param("rate", np.float32(0.5))
    run.log_param("layers", (1, 2))
    run.log_params({"batch": np.int64(8), "bias": True, "seed": None, "large": 2**70, "name": "x\udc80"})
    assert _said(spool, Kind.PARAM) == [
        ("rate", 0.5), ("layers", "(1, 2)"), ("batch", 8), ("bias", True), ("seed", None), ("large", str(2**70)),
        ("name", "x\\udc80"),
    ]  # fmt: skip
    assert type(_records(spool, Kind.PARAM)[2].value) is int
    assert len({record.time for record in _records(spool, Kind.PARAM)[2:]}) == 1
    assert run.refused == {}


def test_tags_are_text_whatever_they_were(spool: Path, run: Run) -> None:
    run.set_tag("team", "red")
    run.set_tag("label", "")
    run.set_tags({"fold": 3, "exact": np.float32(0.5), "none": None})
    assert _said(spool, Kind.TAG) == [
        ("team", "red"), ("label", ""), ("fold", "3"), ("exact", "0.5"), ("none", "None"),
    ]  # fmt: skip


def test_figures_and_definitions_come_back(spool: Path, run: Run) -> None:
    run.log_summary("best", np.float64(0.9))
    run.log_summary("where", "epoch 3")
    run.define("val/*", step_metric="epoch", summary="min,max", goal="minimize", hidden=False)
    run.define("loss")
    assert _said(spool, Kind.SUMMARY) == [("best", 0.9), ("where", "epoch 3")]
    assert _said(spool, Kind.DEFINITION) == [
        ("val/*", {"step_metric": "epoch", "summary": "min,max", "goal": "minimize", "hidden": False}),
        ("loss", {}),
    ]


def test_text_and_any_record_may_say_round_epoch_and_context(spool: Path, run: Run) -> None:
    run.log_text("note", "t", 1, round=2, epoch=3, context="train")
    run.append(Kind.SCALAR, "loss", 0.5, step=4, round=5, epoch=6, context="test", series="s")
    found = [(r.step, r.round, r.epoch, r.context, r.series) for r in _records(spool, Kind.TEXT, Kind.SCALAR)]
    assert sorted(found, key=str) == [(1, 2, 3, "train", None), (4, 5, 6, "test", "s")]


def test_one_bad_fact_leaves_the_others_be(spool: Path, run: Run) -> None:
    bad: dict[object, object] = {"a": 1, "": 2, 5: 3, "b": Unwritable(), "c": 4}
    run.log_params(bad)  # type: ignore[arg-type]  # what must not raise
    run.set_tags(bad)  # type: ignore[arg-type]
    assert _said(spool, Kind.PARAM) == [("a", 1), ("c", 4)]
    assert _said(spool, Kind.TAG) == [("a", "1"), ("c", "4")]
    assert run.refused == {"name": 4, "value": 2}


@pytest.mark.parametrize("bad", [None, 5, "text", [("a", 1)], Failing()])
def test_what_are_no_facts_by_name_is_counted(run: Run, bad: object) -> None:
    run.log_params(bad)  # type: ignore[arg-type]  # what must not raise
    run.set_tags(bad)  # type: ignore[arg-type]
    assert run.refused == {"value": 2}


@pytest.mark.parametrize(
    "how", [{"hidden": 1}, {"step_metric": ""}, {"summary": 5}, {"goal": b"minimize"}, {"hidden": np.zeros(2)}]
)
def test_a_definition_that_says_nothing_known_is_counted(spool: Path, run: Run, how: dict[str, object]) -> None:
    run.define("loss", **how)  # type: ignore[arg-type]  # what must not raise
    run.append(Kind.DEFINITION, "loss", {"colour": "red"})
    run.append(Kind.DEFINITION, "loss", "min")
    assert sum(run.refused.values()) == 3
    assert not _records(spool, Kind.DEFINITION)


def test_the_runs_own_kinds_are_no_log_calls(run: Run) -> None:
    run.append(Kind.RUN_START, "run_start", {})
    run.append(Kind.RUN_END, "run_end", "finished")
    assert run.refused == {"value": 2}


def test_facts_too_large_for_a_record_are_counted(run: Run) -> None:
    run.log_param("p", "x" * (256 * 1024))
    run.set_tag("t", "x" * (256 * 1024))
    run.log_summary("s", "x" * (256 * 1024))
    assert run.refused == {"too_large": 3}


def test_a_run_begins_with_what_was_said_of_it(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWIRE_JOB", "slurm-17")
    said = {"name": "lr 0.1", "parent": "all", "group": "sweep", "job_type": "train", "notes": "# why"}
    with Run("one", site="s", spool=spool, **said) as run:  # type: ignore[arg-type]  # texts, each by its name
        run.log_scalar("loss", 1.0)
    (start,) = _records(spool, Kind.RUN_START)
    assert isinstance(start.value, Mapping)
    assert {name: start.value.get(name) for name in (*said, "job")} == said | {"job": "slurm-17"}


def test_a_run_that_is_renamed_begins_with_its_new_name_from_then_on(spool: Path) -> None:
    run = Run("job", site="clinic", name="first", notes="why", spool=spool)
    run.set_tags({"wandb.name": "é" * 600, "wandb.notes": "because", "team": "red"})
    run.finish()
    run.resume()
    run.set_tag("wandb.name", "")
    run.finish()
    starts: list[Any] = [record.value for record in sorted(_records(spool, Kind.RUN_START), key=lambda one: one.time)]
    assert [(start["name"], start["notes"]) for start in starts] == [("first", "why"), ("é" * 512, "because")]


def test_a_disabled_run_takes_facts_and_does_nothing(spool: Path) -> None:
    run = Run("one", site="s", spool=spool, disabled=True)
    run.log_params(None)  # type: ignore[arg-type]  # what must not raise
    run.set_tag("a", "b")
    run.define("a", hidden=True)
    assert (run.refused, spool.exists()) == ({}, False)
