"""Figures of the whole run, and how metrics are to be shown."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sitewire.collectors import wandb
from sitewire.collectors.wandb.errors import Error
from sitewire.schemas.record import Kind
from support.trainer import records


def test_what_is_set_is_recorded_and_last_values_can_be_read(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"loss": 0.5, "n": np.float32(2)})
        run.log({"loss": 0.25, "note": "t"})
        assert (run.summary["loss"], run.summary.n, run.summary.get("none", 7), run.summary["note"]) == (
            0.25,
            2,
            7,
            "t",
        )
        run.summary["best"] = np.float64(0.75)
        run.summary.update({"epoch": 3, "nan": math.nan, "deep": {"a": 1}})
        run.summary.deep["b"] = 2
        assert run.summary.deep.keys() == ["a", "b"]
        assert "best" in run.summary
        with pytest.raises(KeyError):
            run.summary.nothing  # noqa: B018
    found = [(record.name, record.value) for record in records(spool, Kind.SUMMARY)]
    assert repr(found) == repr([("best", 0.75), ("epoch", 3), ("nan", math.nan), ("deep.a", 1), ("deep.b", 2)])


def test_what_cannot_be_recorded_is_counted(spool: Path) -> None:
    with wandb.init() as run:
        run.summary["image"] = wandb.Image()
        run.summary["good"] = 1
        del run.summary["good"]
        assert run.refused == {"not_collected": 2}
        assert run.summary.keys() == ["image"]
    assert [record.name for record in records(spool, Kind.SUMMARY)] == ["good"]


def test_a_program_that_makes_up_names_does_not_fill_the_memory() -> None:
    run = wandb.init()
    for number in range(11_000):
        run.summary.note({str(number): 1.0})
    assert len(run.summary.keys()) == 10_000


DEFINITIONS: list[dict[str, Any]] = [
    {"name": "a"},
    {"name": "val/*", "step_metric": "epoch"},
    {"name": "a", "summary": "Min,max", "hidden": True},
    {"name": "a", "step_metric": "epoch", "step_sync": False, "overwrite": True},
    {"name": "a", "summary": "none", "overwrite": False},
]


def test_a_definition_says_what_the_originals_does(original_run: Any) -> None:
    ours = wandb.init()
    for arguments in DEFINITIONS:
        mine, theirs = ours.define_metric(**arguments), original_run.define_metric(**arguments)
        for attribute in ("name", "step_metric", "step_sync", "hidden", "summary"):
            assert getattr(mine, attribute) == getattr(theirs, attribute), (arguments, attribute)


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ""}, {"name": 3}, {"name": "a*b"}, {"name": "a", "summary": "least"}, {"name": "a", "hidden": "yes"},
        {"name": "a", "step_metric": 3}, {"name": "a", "step_sync": 1}, {"name": "a", "overwrite": "x"},
    ],
)  # fmt: skip
def test_a_definition_that_is_none_raises_as_the_originals_does(
    original_run: Any, original: Any, arguments: dict[str, Any]
) -> None:
    with pytest.raises(original.Error) as theirs:
        original_run.define_metric(**arguments)
    with pytest.raises(Error) as ours:
        wandb.init().define_metric(**arguments)
    assert str(ours.value) == str(theirs.value)


def test_definitions_are_recorded_whole(spool: Path) -> None:
    with wandb.init() as run:
        axis = run.define_metric("epoch", hidden=True)
        run.define_metric("val/*", step_metric=axis)
        run.define_metric("val/*", summary="max", goal="maximize")
        run.define_metric("val/*", summary="min", overwrite=True)
    assert [(record.name, record.value) for record in records(spool, Kind.DEFINITION)] == [
        ("epoch", {"hidden": True}),
        ("val/*", {"step_metric": "epoch"}),
        ("val/*", {"step_metric": "epoch", "summary": "max", "goal": "maximize"}),
        ("val/*", {"summary": "min"}),
    ]
