"""An event loop in a thread, for what has to go on beside a test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

ANSWER_SECONDS: Final = 20.0  # a control call takes milliseconds, and more where all processes share two cores


class LoopThread:
    """Runs a loop until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)

    def call(self, function: Callable[[], T]) -> T:
        """Call something on the loop, and return what it returns."""

        async def called() -> T:
            return function()

        return self.run(called())

    def close(self) -> None:
        """End the loop; whoever started tasks on it has ended them."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()
