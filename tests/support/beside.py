"""Something that goes on in a thread beside a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(run: Callable[[], None], stop: Callable[[], None], name: str) -> Iterator[None]:
    """Run in a thread as long as the block does, and raise what it raised.

    Args:
        run: goes on until ``stop`` was called.
        stop: called at the block's end, whatever that is.
        name: of the thread.
    """
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001  a thread's error would only be printed
            failures.append(error)

    thread = threading.Thread(target=guarded, name=name)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()
    if failures:
        raise failures[0]
