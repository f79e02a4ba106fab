"""What a call of ``log`` records, and that nothing passed to it can disturb the training."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitewire.collectors import wandb
from sitewire.collectors.wandb.row import MAX_DEPTH
from sitewire.schemas.record import Kind
from support.trainer import records, scalars


def test_numbers_of_every_library_are_scalars(spool: Path) -> None:
    values = {"f": 0.5, "i": 3, "b": True, "n": np.float32(0.25), "a": np.array([[7]]), "inf": math.inf}
    with wandb.init() as run:
        run.log(values)
        run.log({"nan": math.nan})
    found = scalars(spool)
    assert [(name, step) for name, _, step in found] == [(name, 0) for name in values] + [("nan", 1)]
    assert [value for _, value, _ in found[:-1]] == [0.5, 3.0, 1.0, 0.25, 7.0, math.inf]
    assert math.isnan(float(str(found[-1][1])))


def test_names_in_dictionaries_are_joined_and_strings_are_text(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"train": {"loss": 0.5, "by": {"class": {3: 0.25}}}, "note": "warm", "empty": {}, "a/b": 1}, step=4)
    assert scalars(spool) == [("train.loss", 0.5, 4), ("train.by.class.3", 0.25, 4), ("a/b", 1.0, 4)]
    assert [(r.name, r.value, r.step) for r in records(spool, Kind.TEXT)] == [("note", "warm", 4)]


def test_two_names_that_are_one_when_they_are_joined_keep_their_order(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"a": {"b": 1, "c": 2}, "a.b": 3, "d": 4})
        assert run.summary["a.b"] == 3
    assert scalars(spool) == [("a.b", 1.0, 0), ("a.c", 2.0, 0), ("a.b", 3.0, 0), ("d", 4.0, 0)]


@pytest.mark.parametrize("row", [{"a": 1.0, "b": 2.0}, {"a": np.float64(1), "b": {"c": 2}, "d": "text"}])
def test_a_row_has_one_time_and_one_step(spool: Path, row: Mapping[str, object]) -> None:
    before = time.time()
    with wandb.init() as run:
        run.log(row)
    found = records(spool, Kind.SCALAR, Kind.TEXT)
    assert len(found) == len(row)
    assert len({(record.time, record.step) for record in found}) == 1
    assert before <= found[0].time <= time.time()


def test_columns_of_the_clients_own_are_taken_for_what_they_are(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"a": 1.0, "_step": 77, "_timestamp": 12.5})
    (record,) = records(spool, Kind.SCALAR)
    assert (record.name, record.step, record.time) == ("a", 0, 12.5)


def test_a_value_is_recorded_when_it_is_logged_and_waits_for_no_row(spool: Path) -> None:
    run = wandb.init()
    run.log({"a": 1.0}, commit=False)
    assert scalars(spool) == [("a", 1.0, 0)]


def test_what_cannot_be_held_is_counted_and_told_once_a_name(spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    things = {"image": wandb.Image(np.zeros((2, 2))), "list": [1, 2], "array": np.zeros(3), "thing": object()}
    with wandb.init() as run:
        for _ in range(3):
            run.log({"loss": 0.5, **things, "deep": {"table": wandb.Table()}})
        assert run.refused == {"not_collected": 15}
    assert scalars(spool) == [("loss", 0.5, step) for step in range(3)]
    told = [line for line in caplog.messages if "not collected" in line]
    assert [line.split("'")[1] for line in told] == ["image", "list", "array", "thing", "deep.table"]


def test_what_is_told_does_not_grow_without_end() -> None:
    with wandb.init() as run:
        for number in range(3000):
            run.log({f"image {number}": wandb.Image()})
        assert run.refused == {"not_collected": 3000}
        assert len(run._run._recorder.refusals._told) < 1100


def test_values_that_are_none_are_refused_and_the_others_are_logged(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"none": None, "bytes": b"x", "complex": 1j, "huge": 10**400, "": 1.0, 3: 1.0, "good": 1.0})  # type: ignore[dict-item]  # that is what is asked
        assert run.refused == {"value": 4, "name": 2}
    assert scalars(spool) == [("good", 1.0, 0)]


@pytest.mark.parametrize("data", [None, "loss", 3, [("loss", 1.0)], object()])
def test_what_is_no_dictionary_is_refused_and_the_step_stays(data: Any) -> None:
    with wandb.init() as run:
        run.log(data)
        assert (run.refused, run.step) == ({"name": 1}, 0)


@pytest.mark.parametrize("step", ["3", 1.5, math.nan, 2**63, [1, 2]])
def test_a_step_that_is_none_is_refused_with_its_row_and_the_step_stays(spool: Path, step: Any) -> None:
    with wandb.init() as run:
        run.log({"a": 1.0}, step=step)
        assert (run.refused, run.step) == ({"step": 1}, 0)


@pytest.mark.parametrize("step", [np.int64(3), 3.0, np.array(3)])
def test_steps_of_every_library_are_taken(spool: Path, step: Any) -> None:
    with wandb.init() as run:
        run.log({"a": 1.0}, step)
    assert scalars(spool) == [("a", 1.0, 3)]


class _Hostile(Mapping[str, object]):
    def __getitem__(self, key: str) -> NoReturn:
        raise RuntimeError

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


class _Number:
    def item(self) -> NoReturn:
        raise MemoryError

    def __repr__(self) -> str:
        raise RuntimeError


def test_foreign_code_that_fails_is_refused() -> None:
    with wandb.init() as run:
        run.log(_Hostile())
        run.log({"a": _Hostile(), "b": _Number()})
        run.log({"a": 1.0}, commit=_Truthless())  # type: ignore[arg-type]  # that is what is asked
        assert run.refused == {"value": 3}


class _Truthless:
    def __bool__(self) -> NoReturn:
        raise RuntimeError


def test_a_dictionary_that_holds_itself_ends_somewhere() -> None:
    data: dict[str, object] = {"a": 1.0}
    data["again"] = data
    with wandb.init() as run:
        run.log(data)
        assert run.refused == {"not_collected": 1}
        assert MAX_DEPTH < 100


_GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_GARBAGE, _GARBAGE, _GARBAGE)
def test_garbage_never_raises(data: Any, step: Any, commit: Any) -> None:
    run = wandb.init()
    run.log(data, step, commit)
    run.log({"garbage": data, "step": step}, commit=commit)
    run.summary["garbage"] = data
    run.config.update({"garbage": data}, allow_val_change=True)
    run.tags = data
    run.name, run.notes = data, data


def test_logging_after_the_end_raises_nothing_and_is_counted(spool: Path) -> None:
    run = wandb.init()
    run.log({"a": 1.0})
    run.finish()
    run.log({"a": 2.0, "b": "text"})
    run.summary["best"] = 1.0
    run.config["rate"] = 0.5
    run.define_metric("a")
    wandb.log({"a": 3.0})
    assert run.refused == {"finished": 5}
    assert scalars(spool) == [("a", 1.0, 0)]


def test_logging_without_a_run_is_told_once(caplog: pytest.LogCaptureFixture, spool: Path) -> None:
    wandb.log({"a": 1.0})
    wandb.log({"a": 1.0})
    told = [line for line in caplog.messages if "call wandb.init() before" in line]
    assert len(told) <= 1
    assert all(line.startswith("sitewire: wandb.log() was called") for line in told)
    assert not spool.exists()


def test_threads_log_rows_of_their_own(spool: Path) -> None:
    run, start = wandb.init(), threading.Barrier(8)

    def train(number: int) -> None:
        start.wait()
        for _ in range(100):
            run.log({"of": number, "also": number})

    threads = [threading.Thread(target=train, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows: dict[int | None, list[tuple[str, object]]] = {}
    for name, value, step in scalars(spool):
        rows.setdefault(step, []).append((name, value))
    assert sorted(rows) == list(range(800))  # type: ignore[type-var]  # none is None, or this fails
    assert all(len(row) == 2 and row[0][1] == row[1][1] for row in rows.values())
