"""What the calls that log write, and that nothing passed to them disturbs the training."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors import mlflow
from sitewire.collectors.mlflow import operations
from sitewire.collectors.mlflow.known_runs import known_runs
from sitewire.collectors.mlflow.values import as_param
from sitewire.schemas.record import Kind, Record
from support.trainer import scalars, writers


def _records(spool: Path, kind: Kind) -> list[Record]:
    return [record for written in writers(spool) for record in written.records if record.kind is kind]


def _said(spool: Path, kind: Kind) -> list[tuple[str, object]]:
    return [(record.name, record.value) for record in _records(spool, kind)]


def _refused() -> dict[str, int]:
    return {reason: count for known in known_runs._runs.values() for reason, count in known.run.refused.items()}


class Tensor:
    """What torch's look like from here: an item, and a text that shows its type."""

    def __init__(self, value: float) -> None:
        self._value = value

    def item(self) -> float:
        return self._value

    def __float__(self) -> float:
        return self._value

    def __str__(self) -> str:
        return f"tensor({self._value:.4f})"


class Hostile:
    """Fails whatever it is asked."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __float__ = __len__ = __bool__ = __hash__ = __str__  # type: ignore[assignment]  # all of them fail


def test_metrics_come_back_with_steps_and_times(spool: Path) -> None:
    before = time.time()
    mlflow.log_metric("loss", 0.5)
    mlflow.log_metric("loss", 0.25, 3, timestamp=12_500)
    mlflow.log_metric("loss", np.float32(1), step=np.int64(4))  # type: ignore[arg-type]  # numpy's are taken
    mlflow.log_metric("loss", "0.125", 5)  # type: ignore[arg-type]  # the original takes a number's text
    mlflow.log_metric("loss", Tensor(2.0), 0, timestamp=0)  # type: ignore[arg-type]
    mlflow.log_metrics({"a": 1, "b": "2", "c": "no"}, step=6, timestamp=13_000)  # type: ignore[dict-item]
    assert scalars(spool) == [
        ("loss", 0.5, None), ("loss", 0.25, 3), ("loss", 1.0, 4), ("loss", 0.125, 5), ("loss", 2.0, 0),
        ("a", 1.0, 6), ("b", 2.0, 6),
    ]  # fmt: skip
    times = [record.time for record in _records(spool, Kind.SCALAR)]
    assert (times[1], times[5:]) == (12.5, [13.0, 13.0])
    assert all(before <= at <= time.time() for at in (times[0], times[4]))
    assert _refused() == {"value": 1}


def test_params_are_written_as_the_original_writes_them(spool: Path) -> None:
    assert mlflow.log_param("rate", 0.1) == 0.1
    mlflow.log_params({"batch": 8, "exact": np.float32(0.1), "half": np.float64(0.5), "t": Tensor(0.5), "on": True})
    mlflow.log_params({"none": None, "list": [1, "a"]})
    assert _said(spool, Kind.PARAM) == [
        ("rate", 0.1), ("batch", 8), ("exact", "0.1"), ("half", 0.5), ("t", "tensor(0.5000)"), ("on", True),
        ("none", None), ("list", "[1, 'a']"),
    ]  # fmt: skip
    assert {name: str(value) for name, value in _said(spool, Kind.PARAM)} == {
        "rate": str(0.1), "batch": str(8), "exact": str(np.float32(0.1)), "half": str(np.float64(0.5)),
        "t": str(Tensor(0.5)), "on": str(True), "none": str(None), "list": str([1, "a"]),
    }  # fmt: skip


_ANY = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(), st.none(), st.binary(), st.lists(st.integers()),
    st.floats(width=32).map(np.float32), st.integers(-(2**63), 2**63 - 1).map(np.int64), st.booleans().map(np.bool_),
)  # fmt: skip


@given(_ANY)
def test_a_params_text_is_the_originals(value: object) -> None:
    assert str(as_param(value)) == str(value)


def test_tags_texts_and_dictionaries(spool: Path) -> None:
    mlflow.set_tag("team", "red")
    mlflow.set_tags({"fold": 3, "empty": ""})
    mlflow.log_text("# hello", "notes/first.md")
    mlflow.log_dict({"a": [1, 2], "when": Path("x")}, "config.json")
    mlflow.log_dict([1], "config.yaml")  # type: ignore[arg-type]  # the original takes a list
    assert _said(spool, Kind.TAG) == [("team", "red"), ("fold", "3"), ("empty", "")]
    first, second, third = _said(spool, Kind.TEXT)
    assert first == ("notes/first.md", "# hello")
    assert (second[0], json.loads(str(second[1]))) == ("config.json", {"a": [1, 2], "when": "x"})
    assert third == ("config.yaml", "[\n  1\n]")


def test_a_call_says_whether_to_wait_as_the_original_does(spool: Path) -> None:
    waiting: list[Callable[[bool | None], object]] = [
        lambda synchronous: mlflow.log_metric("a", 1.0, synchronous=synchronous),
        lambda synchronous: mlflow.log_metrics({"a": 1.0}, synchronous=synchronous),
        lambda synchronous: mlflow.log_params({"a": 1.0}, synchronous=synchronous),
        lambda synchronous: mlflow.set_tag("a", 1.0, synchronous=synchronous),
        lambda synchronous: mlflow.set_tags({"a": 1.0}, synchronous=synchronous),
    ]
    for call in waiting:
        assert call(None) is None
        assert call(True) is None
        operations = call(False)
        assert isinstance(operations, mlflow.RunOperations)
        operations.wait()
    assert mlflow.log_param("a", 1, synchronous=True) == 1
    assert isinstance(mlflow.log_param("a", 1, synchronous=False), mlflow.RunOperations)
    mlflow.flush_async_logging()
    mlflow.flush_artifact_async_logging()


def test_the_originals_variable_asks_for_something_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_ASYNCHRONOUS", True)
    for outcome in (mlflow.log_metric("a", 1.0), mlflow.log_param("p", 1), mlflow.set_tags({})):
        assert isinstance(outcome, mlflow.RunOperations)
    assert mlflow.log_metric("a", 1.0, synchronous=True) is None


_GARBAGE: list[Any] = [None, "", "x", 5, -1, 2**70, 1e400, float("nan"), 1j, b"x", [1], {}, {"a": "b"}, {5: 1},
                       object(), np.zeros(2), Hostile(), "x" * 300_000, "\udc80"]  # fmt: skip


def test_no_argument_of_a_call_raises(spool: Path) -> None:
    for one, two in itertools.product(_GARBAGE, _GARBAGE):
        mlflow.log_metric(one, two, two, two, one)
        mlflow.log_metrics(one, two, one, None, two)
        mlflow.log_metrics({"a": two}, one)
        mlflow.log_param(one, two, one)
        mlflow.log_params(one, two)
        mlflow.log_params({"a": one, "b": two})
        mlflow.set_tag(one, two)
        mlflow.set_tags(one)
        mlflow.log_text(one, two)
        mlflow.log_dict(one, two)
    assert "internal" not in _refused()
    assert _refused().keys() == {"value", "step", "name", "time", "text", "too_large"}


@pytest.mark.parametrize("run_id", [garbage for garbage in _GARBAGE if garbage is not None])
def test_no_id_of_a_run_raises(run_id: Any) -> None:
    mlflow.log_metric("a", 1.0, run_id=run_id)
    mlflow.log_params({"a": 1}, run_id=run_id)
    mlflow.log_text("a", "b", run_id=run_id)
    mlflow.log_dict({}, "b", run_id=run_id)
    mlflow.log_artifact("a", "b", run_id)
    assert mlflow.active_run() is None
    mlflow.set_tag("a", "b")
    assert "internal" not in _refused()


def test_what_is_not_collected_is_counted_and_told_once_a_name(caplog: pytest.LogCaptureFixture) -> None:
    mlflow.set_tracking_uri("http://user:secret@hub")
    mlflow.autolog()
    assert mlflow.active_run() is None
    for _ in range(3):
        mlflow.log_metric("a", 1.0, model_id="m", dataset=object())
        mlflow.log_artifact("model.pt")
        mlflow.log_figure(object(), "f.png")
        mlflow.pytorch.log_model(object(), "model")
    assert _refused() == {"not_collected": 2 + 3 * 5}
    assert [record.getMessage().split(" is not")[0].split(": ")[-1] for record in caplog.records] == [
        "mlflow.set_tracking_uri", "mlflow.autolog", "mlflow.log_metric(model_id)", "mlflow.log_metric(dataset)",
        "mlflow.log_artifact", "mlflow.log_figure", "mlflow.pytorch.log_model",
    ]  # fmt: skip
    assert "secret" not in caplog.text
    assert (mlflow.get_tracking_uri(), mlflow.is_tracking_uri_set()) == ("http://user:secret@hub", True)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mlflow.delete_tag("a"),
        lambda: mlflow.log_artifact("a"),
        lambda: mlflow.log_artifacts("a"),
        lambda: mlflow.log_figure("a", "b"),
        lambda: mlflow.log_image("a", "b"),
        lambda: mlflow.log_table({}, "b"),
        lambda: mlflow.log_stream("a", "b"),
        mlflow.log_input,
        mlflow.log_inputs,
        mlflow.get_artifact_uri,
    ],
)
def test_a_call_that_is_not_collected_starts_a_run_where_the_originals_does(call: Callable[[], object]) -> None:
    call()
    assert mlflow.active_run() is not None
    assert _refused() == {"not_collected": 1}


def test_what_is_absent_lets_a_trainer_go_on() -> None:
    class Model(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]  # what is not there
        pass

    @mlflow.trace
    def plain() -> int:
        return 1

    @mlflow.trace(name="named")  # type: ignore[untyped-decorator]  # what is not there has no type
    def named() -> int:
        return 2

    def annotated(run: mlflow.entities.Run | None) -> None:  # type: ignore[name-defined]
        pass

    with mlflow.start_span("s") as span:
        span.set_attribute("a", 1)
    client = mlflow.MlflowClient()
    assert (plain(), named(), Model.__mro__[1:]) == (1, 2, (object,))
    assert not client.search_runs(["0"])
    assert list(mlflow.search_runs()) == []
    assert "not collected" in repr(client)
    assert mlflow.active_run() is None
    mlflow.log_metric("a", 1.0)
    assert _refused() == {"not_collected": 8}


def test_a_call_from_many_threads_logs_to_the_run_that_it_names(spool: Path) -> None:
    with mlflow.start_run() as run:

        def log(number: int) -> None:
            for step in range(500):
                mlflow.log_metric(f"t{number}", 1.0, step, run_id=run.info.run_id)

        threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = scalars(spool)
    for number in range(8):
        assert [step for name, _, step in found if name == f"t{number}"] == list(range(500))
