"""When an upload is doubted, when the service is asked, and when the upload is given up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sitewire.workers.errors import PlaceDown
from sitewire.workers.sinks.wandb.service import Served
from sitewire.workers.sinks.wandb.upload import ASK_EVERY, DOUBT, MOST_UNSENT, STALLED, Upload, UploadStopped
from sitewire.workers.sinks.wandb.upload_log import FILE, News, UploadLog


class Scene:
    """A clock, a client's log and a service."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.rows = 0
        self.asked = 0
        self.down = False
        self.log = folder / FILE
        self.log.parent.mkdir()
        self.log.touch()
        self.upload = Upload(self.ask, UploadLog(folder), 0, lambda: self.now)

    def ask(self) -> Served:
        self.asked += 1
        if self.down:
            msg = "down"
            raise PlaceDown(msg)
        return Served(self.rows, self.rows)

    def says(self, message: str) -> None:
        with self.log.open("a") as file:
            file.write(json.dumps({"level": "INFO", "msg": message}) + "\n")

    def passes(self, seconds: float) -> None:
        """Let time go by, with a look each second."""
        for _ in range(int(seconds)):
            self.now += 1
            self.upload.check()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_without_rows_that_wait_the_service_is_left_alone(scene: Scene) -> None:
    scene.passes(1000)
    assert scene.asked == 0


def test_a_client_that_sends_is_believed_for_a_minute(scene: Scene) -> None:
    for row in range(1, int(ASK_EVERY)):
        scene.upload.wrote(row)
        scene.says("filestream: request sent")
        scene.passes(1)
    assert scene.asked == 0
    scene.rows = 40
    scene.passes(1)
    assert (scene.asked, scene.upload.unsent) == (1, 19)


def test_a_silent_client_is_doubted_and_the_service_asked(scene: Scene) -> None:
    scene.upload.wrote(5)
    scene.passes(DOUBT - 1)
    assert scene.asked == 0
    scene.rows = 5
    scene.passes(1)
    assert (scene.asked, scene.upload.unsent) == (1, 0)


def test_a_fatal_error_in_the_log_ends_the_upload_within_a_second_and_for_good(scene: Scene) -> None:
    scene.says("filestream: fatal error: 403 Forbidden")
    for _ in range(2):
        with pytest.raises(UploadStopped, match=r"has stopped: .*403 Forbidden"):
            scene.passes(1)


def test_a_service_that_answers_and_takes_nothing_ends_the_upload(scene: Scene) -> None:
    scene.upload.wrote(5)
    scene.passes(STALLED)
    with pytest.raises(UploadStopped, match="5 wait"):
        scene.passes(DOUBT)


def test_a_service_that_is_down_is_said_to_be_when_rows_wait(scene: Scene) -> None:
    scene.down = True
    scene.passes(100)
    scene.upload.wrote(5)
    with pytest.raises(PlaceDown):
        scene.passes(DOUBT)


def test_a_run_with_too_many_rows_in_the_clients_memory_is_full_until_the_service_has_caught_up(scene: Scene) -> None:
    scene.upload.wrote(MOST_UNSENT + 1)
    assert scene.upload.full
    scene.rows = 1
    scene.passes(1)
    assert not scene.upload.full


@pytest.mark.parametrize("cut", [1, 36])
def test_a_line_of_the_log_that_is_half_written_is_read_when_it_is_whole(tmp_path: Path, cut: int) -> None:
    line = '{"msg":"filestream: fatal error: no"}\n'
    log = UploadLog(tmp_path)
    assert log.look() == News()
    _append(tmp_path / FILE, '{"msg":"filestream: request sent"}\n' + line[:cut])
    assert log.look() == News(sent=1)
    _append(tmp_path / FILE, line[cut:])
    assert log.look().fatal == "filestream: fatal error: no"


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(text)
