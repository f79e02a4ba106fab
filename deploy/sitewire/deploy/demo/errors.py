"""What can end the demo before its end.

::

    DeployError
    └── DemoError            the message is for the person at the terminal
        ├── SiteEnded        a training process ended before its work was done
        ├── NoFreePort       every port that the demo would use is taken
        ├── PlaceRefused     the folder of the results cannot be used
        └── NotReadable      a tracker's files are there, and its own reader fails
"""

from __future__ import annotations

from sitewire.deploy.errors import DeployError


class DemoError(DeployError):
    """Base of everything that this folder raises; the message is for the person at the terminal."""


class SiteEnded(DemoError):
    """A training process ended before its work was done."""


class NoFreePort(DemoError):
    """Every port that the demo would use is taken."""


class PlaceRefused(DemoError):
    """The folder of the results cannot be used."""


class NotReadable(DemoError):
    """A tracker's files are there, and its own reader fails."""
