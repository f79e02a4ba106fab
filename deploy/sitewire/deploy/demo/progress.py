"""What the person at the terminal sees while it runs: bars, or plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sitewire.deploy.demo.messages import Averaged, News, Trained
from sitewire.deploy.demo.plan import Plan


class Display:
    """Follows the training and the delivery. ``tell`` may be called from another thread."""

    def __init__(self, console: Console, plan: Plan, routes: Iterable[str]) -> None:
        self._console = console
        self._plan = plan
        self._progress = Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[remark]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bars = {name: self._bar(name, "waits for its process") for name in plan.names}
        self._deliveries = {name: self._bar(name, "") for name in routes}
        self._delivered: Mapping[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._progress.stop()

    def tell(self, news: News) -> None:
        """Show what a process has reported."""
        if isinstance(news, Trained):
            self._progress.update(
                self._bars[news.site], completed=news.steps, total=news.of, remark=f"{news.steps} steps"
            )
        elif isinstance(news, Averaged):
            score = news.score
            rounds = f"round {news.number} of {self._plan.rounds}"
            self._console.print(
                f"{rounds}: accuracy of the averaged network {score.accuracy:.1%}, loss {score.loss:.3f}"
            )

    def deliver(self, delivered: Mapping[str, tuple[int, int]]) -> None:
        """Show how much has arrived.

        Args:
            delivered: by route, records in its tracker and records logged.
        """
        for route, (count, logged) in delivered.items():
            bar = self._deliveries[route]
            self._progress.update(bar, completed=count, total=logged or None, remark=f"{count} of {logged} delivered")
        if self._progress.disable and delivered != self._delivered:
            parts = (f"{route} {count} of {logged}" for route, (count, logged) in delivered.items())
            self._console.print(f"delivered to {', '.join(parts)}")
        self._delivered = delivered

    def _bar(self, name: str, remark: str) -> TaskID:
        return self._progress.add_task(name, total=None, remark=remark)
