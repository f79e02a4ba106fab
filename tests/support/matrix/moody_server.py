"""MLflow's server in trouble, and what stands before it: killed, hanging, slow, saying no, or not found by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from support.checker.mlflow_tracker import mlflow_at
from support.checker.tracker import TENSORBOARD, Tracker
from support.clocks import changed
from support.matrix.full_disks import Place
from support.matrix.row import FULL
from support.matrix.stand import Stand
from support.mlflow.proxy import Proxy, proxy_before
from support.mlflow.server import MlflowServer, mlflow_server

LONGEST: Final = 20.0 if FULL else 3.0  # seconds of trouble
REFUSED: Final = '{"error_code": "INVALID_PARAMETER_VALUE", "message": "a schema that this does not fit"}'
DOWN: Final = ("takes nothing",)


@dataclass
class House:
    """A server, and the proxy before it, as long as a row is played.

    Attributes:
        names: a file; as long as it is there, the proxy's name is not found.
    """

    server: MlflowServer = field(init=False, repr=False)
    proxy: Proxy = field(init=False, repr=False)
    names: Path = field(init=False, repr=False)

    @contextmanager
    def trackers(self, folder: Path) -> Iterator[Sequence[Tracker]]:
        """Start both; TensorBoard beside them is not to notice anything."""
        self.names = folder / "no names"
        with mlflow_server(folder / "mlflow") as self.server, proxy_before(self.server.port) as self.proxy:
            url = f"http://localhost:{self.proxy.port}"
            yield TENSORBOARD, mlflow_at(url, self.server.folder / "mlflow.db")

    @contextmanager
    def prepare(self, stand: Stand) -> Iterator[None]:
        """Have workers ask for names where the row can say no."""
        with changed(TEST_NO_NAMES=str(self.names)):
            yield


@dataclass(frozen=True)
class Trouble:
    """Something is wrong for a while, and mended.

    Attributes:
        name: for people.
        house: where.
        begin, end: have it begin, and end.
        named: whether ``status`` has to say that the place takes nothing before it ends.
    """

    name: str
    house: House
    begin: Callable[[House], object]
    end: Callable[[House], object]
    named: bool = True

    def strike(self, stand: Stand) -> None:
        """Have it last until it is named and TensorBoard has gone on, and some time more."""
        self.begin(self.house)
        try:
            if self.named:
                _mlflow(stand).see(stand)
            time.sleep(stand.rng.uniform(0, LONGEST))
        finally:
            self.end(self.house)


def troubles(house: House) -> list[Trouble]:
    """Return all of them."""
    return [
        Trouble("MLflow's server is killed", house, lambda it: it.server.kill(), lambda it: it.server.start()),
        Trouble("it hangs", house, lambda it: it.server.pause(), lambda it: it.server.resume(), named=False),
        Trouble("its name is not found", house, _forget_name, _know_name),
        *[_says(house, status) for status in (500, 502, 503)],
        _says(house, 429, {"Retry-After": "2"}),
        _says(house, 401, {"WWW-Authenticate": "Basic"}),
        *[_slow(house, seconds) for seconds in (0.03, 1.0)],
        _slow(house, 35.0),  # longer than the sink waits
        Trouble("it refuses some requests by their form", house, _refuse, lambda it: it.proxy.answers.clear(), False),
    ]


def _says(house: House, status: int, headers: dict[str, str] | None = None) -> Trouble:
    def begin(it: House) -> None:
        it.proxy.always = (status, headers or {}, "not now")

    def end(it: House) -> None:
        it.proxy.always = None

    return Trouble(f"it answers {status}", house, begin, end)


def _slow(house: House, seconds: float) -> Trouble:
    name = f"each request takes {seconds:g} s"
    return Trouble(name, house, lambda it: _set_slow(it, seconds), lambda it: _set_slow(it, 0.0), named=False)


def _set_slow(house: House, seconds: float) -> None:
    house.proxy.slow = seconds


def _forget_name(house: House) -> None:
    house.proxy.hangs_up = True
    house.names.touch()


def _know_name(house: House) -> None:
    house.proxy.hangs_up = False
    house.names.unlink()


def _refuse(house: House) -> None:
    house.proxy.answers += [(400, {"Content-Type": "application/json"}, REFUSED)] * 3


def _mlflow(stand: Stand) -> Place:
    return Place("", "MLflow", DOWN, "mlflow")
