"""The config, beside the original's."""

from __future__ import annotations

import math
import pickle
from argparse import Namespace
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitewire.collectors import wandb
from sitewire.collectors.wandb.errors import ConfigError
from sitewire.schemas.record import Kind
from support.trainer import records


class Colour(Enum):
    RED = 3


@dataclass
class Point:
    x: int
    y: float


VALUES = [
    1, 0.5, True, None, "text", math.nan, math.inf, (1, 2), [1, [2]], {1}, range(3), {"a": {"b": 1}}, {3: 4}, b"bytes",
    Colour.RED, Point(1, 2.5), datetime(2020, 1, 2, 3, 4, 5), slice(1, 2), len, Point, np.float32(0.5), np.int64(3),  # noqa: DTZ001  as a program may have it
    np.array([1, 2]), np.arange(3.0), np.bool_(True), Path("a/b"), 10**30, (Point(1, 2), Colour.RED),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_reads_as_it_does_in_the_original(original: Any, value: object) -> None:
    theirs, ours = original.Config(), wandb.Config()
    for config in (theirs, ours):
        config.update({"-value-": value})
    assert ours["value"] == theirs["value"]
    assert type(ours.value) is type(theirs.value)


_NAMES = st.sampled_from(["rate", "--rate", "batch", "m"])
_VALUES = st.sampled_from([1, 1.0, True, 2, "1", None, [1], (1,), {"k": 1}, {"k": 2}])
_MAPS = st.dictionaries(_NAMES, _VALUES, max_size=3)
_OPERATIONS = st.one_of(
    st.tuples(st.just("update"), _MAPS, st.sampled_from([None, True, False])),
    st.tuples(st.just("setdefaults"), _MAPS),
    st.tuples(st.just("__setitem__"), _NAMES, _VALUES),
    st.tuples(st.just("get"), _NAMES, st.just(7)),
    st.tuples(st.just("__getitem__"), _NAMES),
    st.tuples(st.just("__getattr__"), _NAMES),
    st.tuples(st.just("__contains__"), _NAMES),
    st.tuples(st.just("keys")),
    st.tuples(st.just("items")),
    st.tuples(st.just("as_dict")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_OPERATIONS, max_size=8))
def test_any_calls_lead_to_what_they_lead_to_in_the_original(original: Any, operations: list[Any]) -> None:
    theirs, ours = original.Config(), wandb.Config()
    for name, *arguments in operations:
        outcomes = [_outcome(config, name, arguments) for config in (theirs, ours)]
        assert outcomes[0] == outcomes[1]
        assert ours.as_dict() == theirs.as_dict()
        assert str(ours) == str(theirs)


def _outcome(config: Any, name: str, arguments: list[Any]) -> object:
    try:
        return getattr(config, name)(*arguments)
    except Exception as error:  # noqa: BLE001  which one is compared
        return type(error).__name__


def test_values_are_params_of_the_run(spool: Path) -> None:
    with wandb.init(config=Namespace(rate=0.1, model={"layers": 3, "act": "relu"})) as run:
        run.config.epochs = 5
        run.config.update({"epochs": 6}, allow_val_change=True)
        run.config.setdefaults({"epochs": 7, "seed": 1})
        run.config["sizes"] = (1, 2)
        run.config["image"] = wandb.Image()
        assert run.refused == {"not_collected": 1}
        assert dict(run.config)["epochs"] == 6
    assert [(r.name, r.value) for r in records(spool, Kind.PARAM)] == [
        ("rate", 0.1), ("model.layers", 3), ("model.act", "relu"), ("epochs", 5), ("epochs", 6), ("seed", 1),
        ("sizes", "[1, 2]"),
    ]  # fmt: skip


def test_a_change_without_leave_raises_and_records_nothing(spool: Path) -> None:
    with wandb.init(config={"rate": 0.1}) as run:
        with pytest.raises(ConfigError, match="allow_val_change=True"):
            run.config.update({"more": 1, "rate": 0.2})
        with pytest.raises(ConfigError):
            run.config.rate = 0.3
        run.config.rate = 0.1
        assert (run.config.rate, "more" in run.config) == (0.1, False)
    assert {(record.name, record.value == 0.1) for record in records(spool, Kind.PARAM)} == {("rate", True)}


def test_a_config_is_taken_for_a_config() -> None:
    first = wandb.init(config={"a": 1})
    first.finish()
    second = wandb.init(config=first.config)
    assert second.config.as_dict() == {"a": 1}
    second.finish()
    assert wandb.init(config=wandb.config).config.as_dict() == {}


def test_the_static_config_cannot_be_changed() -> None:
    static = wandb.init(config={"a": 1}).config_static
    assert (static.a, static["a"], static.keys(), str(static)) == (1, 1, ["a"], "{'a': 1}")
    with pytest.raises(AttributeError, match="readonly"):
        static.a = 2
    with pytest.raises(AttributeError, match="readonly"):
        static["a"] = 2
    with pytest.raises(AttributeError):
        static.b  # noqa: B018


def test_a_pickled_config_holds_the_same() -> None:
    config = wandb.Config()
    config.update({"a": 1})
    assert pickle.loads(pickle.dumps(config)).a == 1  # noqa: S301  made here
