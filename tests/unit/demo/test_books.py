from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from tensorboardX import SummaryWriter

from sitewire.broker_config.load import load_config
from sitewire.broker_config.model import Config
from sitewire.deploy.accounting import RunRow
from sitewire.deploy.demo.books import differences, expected_rows, shortfalls
from sitewire.deploy.demo.readers import read_points
from sitewire.deploy.run_state import RunState
from sitewire.schemas.subject import RunKey

A, B = RunKey("site-1", "demo"), RunKey("server", "demo")
TEXT = """
broker: {url: "nats://127.0.0.1:4222"}
routes:
  all: {subjects: ["metrics.>"], sink: {type: tensorboard, logdir: runs}}
  one: {subjects: ["metrics.site-1.>"], sink: {type: tensorboard, logdir: one}}
  texts: {subjects: ["metrics.*.*.media.>"], sink: {type: tensorboard, logdir: texts}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "sitewire.yaml").write_text(TEXT)
    return load_config(tmp_path / "sitewire.yaml")


def row(site: str, **changes: object) -> RunRow:
    complete = RunRow("demo", site, "all", RunState.COMPLETE, 7, 7, 7, 0, 0, 0, 0, 0, 0)
    return dataclasses.replace(complete, **changes)  # type: ignore[arg-type]  # by name


def write(folder: Path, **points: int) -> None:
    # Within one second the writer would choose the same file again.
    earlier = len(list(folder.glob("*"))) if folder.exists() else 0
    with SummaryWriter(str(folder), filename_suffix=f".{earlier}") as writer:
        for tag, count in points.items():
            for step in range(count):
                writer.add_scalar(tag, step, step)


def test_a_route_owes_a_receipt_for_each_origin_that_it_reads(config: Config) -> None:
    assert expected_rows(config, [A, B]) == {
        ("all", "site-1"),
        ("all", "server"),
        ("one", "site-1"),
        ("texts", "site-1"),
        ("texts", "server"),
    }


def test_complete_receipts_fall_short_of_nothing() -> None:
    assert shortfalls([row("site-1"), row("server")], {("all", "site-1"), ("all", "server")}) == []


@pytest.mark.parametrize(
    "changes", [{"state": RunState.RUNNING}, {"sent": 6}, {"logged": 8}, {"delivered": 6, "refused": 1}]
)
def test_a_receipt_that_does_not_add_up_is_named(changes: dict[str, object]) -> None:
    (line,) = shortfalls([row("site-1", **changes), row("server")], {("all", "site-1")})
    assert line.startswith("site-1 in the route all is ")


def test_a_receipt_that_is_not_there_is_named() -> None:
    assert shortfalls([row("server")], {("all", "site-1"), ("all", "server")}) == [
        "no receipt of site-1 in the route all"
    ]


def test_points_are_counted_by_series_and_name_and_none_is_sampled_away(config: Config, tmp_path: Path) -> None:
    write(tmp_path / "runs/demo/site-1", loss=12_000, accuracy=2)
    write(tmp_path / "runs/demo/site-1/hparams", accuracy=1)
    assert read_points(config.route("all"), A) == {"loss": 12_000, "accuracy": 2, "hparams/accuracy": 1}


def test_what_tensorboard_holds_is_compared_with_what_was_logged(config: Config, tmp_path: Path) -> None:
    logged = {A: Counter(loss=3), B: Counter(loss=2)}
    for folder, count in (("runs/demo/site-1", 3), ("runs/demo/server", 2), ("one/demo/site-1", 3)):
        write(tmp_path / folder, loss=count)
    assert differences(config, logged) == []
    write(tmp_path / "one/demo/site-1", loss=1)
    (line,) = differences(config, logged)
    assert line == f"site-1 logged {{'loss': 3}}, tensorboard in {tmp_path}/one holds {{'loss': 4}}"


def test_a_directory_that_was_never_written_differs(config: Config) -> None:
    assert len(differences(config, {B: Counter(loss=1)})) == 1
