"""``sitewire``: what the shell starts. Imports are left to ``main``, which knows what Ctrl-C does meanwhile."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see ``program``."""
    with _ended_by_ctrl_c():
        from sitewire.deploy.cli import program

        options = program.parse(arguments)
    return program.USAGE if options is None else program.run(options)


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Have Ctrl-C end the process at once, as shells expect it: there is nothing to end in order yet.

    A KeyboardInterrupt would show where the imports of libraries are, which take a second or two.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield  # somebody has decided: a shell script has its background jobs ignore it
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
