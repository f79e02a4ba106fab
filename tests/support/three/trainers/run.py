"""The trainer as the low-level calls have it."""

from __future__ import annotations

from typing import Any

from sitewire.collectors import Run
from support.three.book import Book
from support.three.trainers.ending import end, steps


def train() -> None:
    """Train once."""
    book = Book.open()
    with Run(experiment="plain & co", job_type="train", notes="By hand.") as run:
        book.begin(experiment="plain & co", job_type="train", notes="By hand.")
        run.log_params({"lr": 0.1, "layers": 3, "opt": "adam", "seed": None})
        book.note("param", {"lr": 0.1, "layers": 3, "opt": "adam", "seed": None})
        run.set_tag("team", "blue")
        book.note("tag", {"team": "blue"})
        for step in steps():
            at = 1.7e9 + step / 1000
            run.log_scalar("train/loss", 1 / (step + 1), step, at)
            book.note("scalar", {"train/loss": 1 / (step + 1)}, step=step, at=at)
        for epoch in range(4):
            at = 1.7e9 + epoch
            run.log({"loss": epoch / 8, "acc": epoch / 4}, time=at, epoch=epoch, round=1, context="validation")
            where: dict[str, Any] = {"epoch": epoch, "round": 1, "context": "validation"}
            book.note("scalar", {"loss": epoch / 8, "acc": epoch / 4}, at=at, **where)
        for number in range(3):
            run.log("drift", number / 2, time=1.7e9 + number, round=number)
            book.note("scalar", {"drift": number / 2}, at=1.7e9 + number, round=number)
        run.log_text("intro", "wörld")
        book.note("text", {"intro": "wörld"})
        run.log_summary("best", 0.875)
        book.note("summary", {"best": 0.875})
        end(book)


if __name__ == "__main__":
    train()
