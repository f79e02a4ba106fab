"""What can go wrong between worker and host, and what the client's errors mean.

::

    SinkUnavailable
    ├── ClientRefused    the client raised: this run's segment is closed and opened anew
    ├── HostGone         the host has ended; so have all runs that were open in it
    ├── HostHangs        a request was not answered in time: the host has been killed
    └── RowsMissing      rows that the client took have not come into the file
"""

from __future__ import annotations

from typing import Final

from sitewire.workers.errors import SinkUnavailable, WorkerError


class ClientRefused(SinkUnavailable):
    """The client raised; the run's segment is closed and opened anew."""


class HostGone(SinkUnavailable):
    """The host has ended, and with it all runs that were open in it."""


class HostHangs(SinkUnavailable):
    """A request was not answered in time, and the host has been killed."""


class RowsMissing(SinkUnavailable):
    """Rows that the client took have not come into the file: a full disk, or a core in trouble."""


OURS: Final[dict[str, type[SinkUnavailable]]] = {
    "Error": ClientRefused,
    "CommError": ClientRefused,
    "AuthenticationError": ClientRefused,
    "UsageError": ClientRefused,
    "UnsupportedError": ClientRefused,
    "WandbCoreNotAvailableError": HostGone,
    "ServerResponseError": ClientRefused,
    "WandbAttachFailedError": ClientRefused,
    "WandbApiFailedError": ClientRefused,
    "ServicePollForTokenError": HostGone,
    "WandbServiceConnectionError": HostGone,
    "HandleAbandonedError": HostGone,
    "MailboxClosedError": HostGone,
    "ConnectionResetError": HostGone,
    "BrokenPipeError": HostGone,
    "TimeoutError": HostHangs,
}
"""By the name of the client's type. None says that a record will never be taken: that is seen to before it gets one."""


def from_client(name: str, text: str) -> WorkerError:
    """Return our error for one of the client; a type that is not known is what the client says of one run."""
    return OURS.get(name, ClientRefused)(f"W&B's client: {name}: {text}")
