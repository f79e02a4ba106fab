"""What can go wrong beside a trainer. None of it leaves a log call.

::

    CollectorError
    ├── SpoolError            the spool on disk
    │   ├── SpoolUnavailable  no directory, no room, no locks: a writer cannot begin
    │   ├── SpoolBusy         another process, or another part of this one, drains this writer
    │   └── SpoolKept         a writer's directory is not to be removed yet
    ├── SettingsInvalid       an argument that no run can be made with
    └── Refused               a log call that cannot become a record: counted by reason, told once
"""

from __future__ import annotations


class CollectorError(Exception):
    """Base of everything that this folder raises."""


class SpoolError(CollectorError):
    """Base of what the spool raises."""


class SpoolUnavailable(SpoolError):
    """A writer cannot begin in this directory; the message says why and what to set."""


class SpoolBusy(SpoolError):
    """Somebody else holds the draining lock of this writer's directory."""


class SpoolKept(SpoolError):
    """The directory's writer lives, or it holds records that are not published, or not long enough ago."""


class SettingsInvalid(CollectorError, ValueError):
    """An argument is unusable; the message names it and says what is wanted."""


class Refused(CollectorError):
    """What was passed to a log call cannot become a record. Caught where the call came in.

    Attributes:
        reason: what it is counted as, one of ``refusals.Reason``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
