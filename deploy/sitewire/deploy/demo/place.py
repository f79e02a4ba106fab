"""The folder of a demo's results, and the config file in it that the user can go on with."""

from __future__ import annotations

import dataclasses
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sitewire.broker_config.load import load_config
from sitewire.broker_config.model import Broker, Config
from sitewire.deploy.default_file import default_text
from sitewire.deploy.demo.errors import NoFreePort, PlaceRefused

PORTS: Final = range(4222, 4322)
"""NATS's own first. None of those that a system gives to outgoing connections: it shall be free tomorrow too."""

_SPOOL: Final = "collect: {spool: spool}\n"
_PORT: Final = re.compile(r"(?<=\bport: )\d+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo writes.

    Attributes:
        file: the config file.
        config: what it says, with a port that is free.
        run: the id of this demo's run, beside those of earlier ones.
    """

    file: Path
    config: Config
    run: str

    def keep_port(self) -> None:
        """Write the port into the file. Once the broker has started: until then its store may be somebody else's."""
        embedded = self.config.broker.embedded
        if embedded is None:
            return
        before = self.file.read_text(encoding="utf-8")
        after = _PORT.sub(str(embedded.port), before, count=1)
        if after != before:
            self.file.write_text(after, encoding="utf-8")


def prepare(out: Path) -> Place:
    """Make the folder and its config file; a file that is there is used as it is, but for a port that is taken.

    Raises:
        PlaceRefused: the folder or the file cannot be written.
        NoFreePort: every port is taken.
        ConfigInvalid: the file that is there is invalid.
    """
    file = out / "sitewire.yaml"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(default_text("demo", file, free_port(), "jetstream", _SPOOL), encoding="utf-8")
    except OSError as error:
        msg = f"{error.filename or out}: {error.strerror}; name another folder with --out"
        raise PlaceRefused(msg) from error
    return Place(file, _with_free_port(load_config(file)), _new_run(out))


def free_port() -> int:
    """Return a port on which nobody listens.

    Raises:
        NoFreePort: there is none among ``PORTS``.
    """
    for port in PORTS:
        if _is_free(port):
            return port
    msg = f"all ports from {PORTS.start} to {PORTS.stop - 1} are taken; stop one of the programs that listen there"
    raise NoFreePort(msg)


def _with_free_port(config: Config) -> Config:
    embedded = config.broker.embedded
    if embedded is None or _is_free(embedded.port):
        return config
    broker = Broker(embedded=embedded.model_copy(update={"port": free_port()}))
    return dataclasses.replace(config, broker=broker)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _new_run(out: Path) -> str:
    name = time.strftime("demo-%Y%m%d-%H%M%S")
    earlier = {path.name for path in (out / "runs").glob(f"{name}*")}
    numbers = (name if number == 1 else f"{name}-{number}" for number in range(1, len(earlier) + 2))
    return next(candidate for candidate in numbers if candidate not in earlier)
