from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.broker_config.errors import ConfigInvalid
from sitewire.broker_config.load import load_config
from sitewire.deploy.demo import place
from sitewire.deploy.demo.errors import NoFreePort, PlaceRefused


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def port_of(found: place.Place) -> int:
    assert found.config.broker.embedded is not None
    return found.config.broker.embedded.port


def test_the_file_that_it_writes_is_valid_and_everything_lies_below_it(tmp_path: Path) -> None:
    found = place.prepare(tmp_path / "new" / "out")
    assert found.config.collect.spool == tmp_path / "new" / "out" / "spool"
    assert [route.sink.identity for route in found.config.routes] == [
        f"mlflow:sqlite:///{tmp_path}/new/out/mlflow.db",
        f"tensorboard:{tmp_path}/new/out/runs",
        f"wandb:{tmp_path}/new/out",
    ]


def test_a_file_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    file = place.prepare(tmp_path).file
    text = file.read_text().replace("logdir: runs", "logdir: elsewhere")
    file.write_text(text)
    again = place.prepare(tmp_path)
    again.keep_port()
    assert again.config.route("tensorboard").sink.identity == f"tensorboard:{tmp_path}/elsewhere"
    assert file.read_text() == text


def test_a_taken_port_is_replaced_and_the_file_changes_only_when_that_is_kept(tmp_path: Path, taken_port: int) -> None:
    file = place.prepare(tmp_path).file
    text = file.read_text()
    before = str(load_config(file).broker.embedded.port)  # type: ignore[union-attr]  # it is embedded
    file.write_text(text.replace(f"port: {before}", f"port: {taken_port}"))
    found = place.prepare(tmp_path)
    assert port_of(found) != taken_port
    assert f"port: {taken_port}" in file.read_text()
    found.keep_port()
    assert load_config(file) == found.config


def test_an_invalid_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitewire.yaml").write_text("brokr: {}\n")
    with pytest.raises(ConfigInvalid, match=r"sitewire\.yaml"):
        place.prepare(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlaceRefused, match="--out"):
        place.prepare(tmp_path / "file" / "out")


def test_no_free_port_says_what_to_do(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "PORTS", range(taken_port, taken_port + 1))
    with pytest.raises(NoFreePort, match="stop one of the programs"):
        place.free_port()


def test_a_second_run_in_the_same_second_gets_a_name_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "demo-now")
    names = []
    for _ in range(3):
        names.append(place.prepare(tmp_path).run)
        (tmp_path / "runs" / names[-1]).mkdir(parents=True)
    assert names == ["demo-now", "demo-now-2", "demo-now-3"]
