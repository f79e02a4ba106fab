"""What can go wrong when parts are started and put together.

::

    DeployError
    ├── NothingEmbedded       the config file names a broker that runs elsewhere
    ├── FileRefused           there is no config file, and none can be written
    ├── NothingSetUp          the broker runs, and the streams have not been made there
    ├── RetryUnreadable       a newer build has sent dead letters again, and nobody here can say which
    ├── RouteUnknown          no route of that name is in the file or has dead letters
    ├── RouteInUse            a route that is to be forgotten is in the file, or a worker serves it
    └── BrokerNotStarted      the embedded broker cannot be started; the message says what to do
        ├── BinaryMissing     there is no nats-server
        ├── StoreUnusable     the folder of the streams cannot be made or written
        ├── StoreLocked       a running server holds the folder
        ├── PortTaken         something listens on the port
        └── BrokerFailed      the server starts and dies, again and again
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sitewire.broker_config.names import METRICS_STREAM
from sitewire.broker_config.suggest import did_you_mean


class DeployError(Exception):
    """Base of everything that this folder raises."""


class NothingEmbedded(DeployError):
    """A broker is to be started, and the config file has none to start."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} gives the `url` of a broker that runs elsewhere; to start one write `embedded: {{}}`")


class FileRefused(DeployError):
    """There is no config file, and none can be written."""


class NothingSetUp(DeployError):
    """The broker runs, and streams that a command reads are not there."""

    def __init__(self, missing: Sequence[str]) -> None:
        what = (
            f"this broker lacks {', '.join(missing)}"
            if METRICS_STREAM not in missing
            else "nothing is set up at this broker yet"
        )
        super().__init__(f"{what}: start `sitewire worker` or `sitewire up`, or run `sitewire broker apply`")


class RouteUnknown(DeployError):
    """No route of the file is called so, and no dead letter is of one."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no route `{name}` in the file, nor among the dead letters; {did_you_mean(name, known)}")


class RouteInUse(DeployError):
    """A route is in the file, or a worker serves it: it cannot be forgotten."""


class RetryUnreadable(DeployError):
    """What was last sent again of a run cannot be read, so nobody here knows which letters it carries."""

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"the last retry under {subject} cannot be read: {reason}; use the version that wrote it")


class BrokerNotStarted(DeployError):
    """The embedded broker cannot be started."""


class BinaryMissing(BrokerNotStarted):
    """No ``nats-server`` beside the interpreter, nor on the path."""


class StoreUnusable(BrokerNotStarted):
    """The folder of the streams cannot be made, written or locked."""


class StoreLocked(BrokerNotStarted):
    """Another server holds the folder of the streams; nats-server itself would share it and destroy it."""


class PortTaken(BrokerNotStarted):
    """Something listens on the port already."""


class BrokerFailed(BrokerNotStarted):
    """The server died several times in a row soon after its start; the message ends with its last log lines."""
