"""SIGTERM and SIGINT as an event: the first ends in order, a second one at once."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STOPPING: Final = (
    "sitewire: stopping; this may take some seconds. A second signal ends it at once, nothing is lost by that"
)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(said: str = "") -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM or SIGINT sets; a second signal ends the process.

    At once, with what a thread is in the middle of: a KeyboardInterrupt would wait for that.

    Args:
        said: on standard error, when the first one has come.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        stop.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if said:
            print(said, file=sys.stderr, flush=True)

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
