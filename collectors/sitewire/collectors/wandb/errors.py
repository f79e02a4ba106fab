"""What the stand-in raises: where the original raises it too, for misuse of its own rules. Never out of a log call.

::

    CollectorError
    └── Error                     the original's base: a call before ``init``, a wrong definition
        ├── CommError             here for programs that name it in an ``except``; nothing raises it
        │   └── AuthenticationError
        ├── WandbCoreNotAvailableError  likewise
        ├── ConfigError           a config file that cannot be read; a value that was set already
        └── UsageError            an argument of ``init`` that cannot be used (a ``ValueError`` too)
            └── UnsupportedError  what cannot be done here and must not be passed over: sweeps, reading a server
"""

from __future__ import annotations

from collections.abc import Mapping

from sitewire.collectors.errors import CollectorError


class Error(CollectorError):
    """Base of everything that this folder raises.

    Attributes:
        message: what was wrong, for people.
        context: as the original has it.
    """

    def __init__(self, message: str, context: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context = dict(context or {})


class CommError(Error):
    """The original could not reach its server."""


class AuthenticationError(CommError):
    """The original was refused by its server."""


class WandbCoreNotAvailableError(Error):
    """The original could not start its own process."""


class ConfigError(Error):
    """A config file cannot be read, or a value of the config was to be changed without leave."""


class UsageError(Error, ValueError):
    """An argument is unusable; the message names it."""


class UnsupportedError(UsageError):
    """The original has this and the stand-in cannot do it, nor do without."""
