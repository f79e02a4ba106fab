"""The trainer as ``SummaryWriter`` has it."""

from __future__ import annotations

import math

from sitewire.collectors.tensorboard import SummaryWriter
from support.three.book import Book
from support.three.trainers.ending import end, steps

INTRO = "# Begin\n\nä"


def train() -> None:
    """Train once."""
    book = Book.open()
    with SummaryWriter() as writer:
        book.begin()
        for step in steps():
            at = 1.7e9 + step / 1000
            writer.add_scalar("train/loss", 1 / (step + 1), step, walltime=at)
            book.note("scalar", {"train/loss": 1 / (step + 1)}, step=step, at=at)
        for number, value in enumerate((math.pi, -0.0, 1e-30)):
            writer.add_scalar("grad.norm>*", value, walltime=1.7e9 + number)
            book.note("scalar", {"grad.norm>*": value}, at=1.7e9 + number)
        writer.add_scalar("val accuracy %", math.nan, 7, walltime=1.7e9 + 7)
        book.note("scalar", {"val accuracy %": math.nan}, step=7, at=1.7e9 + 7)
        writer.add_text("notes/intro", INTRO, 3, walltime=1.7e9)
        book.note("text", {"notes/intro": INTRO}, step=3, at=1.7e9)
        writer.add_scalars("losses", {"gen": 0.25, "disc": 0.5}, 4, walltime=1.7e9)
        for line, value in (("gen", 0.25), ("disc", 0.5)):
            book.note("scalar", {"losses": value}, step=4, at=1.7e9, series=f"losses_{line}")
        params = {"lr": 0.1, "depth": 3, "opt": "adam"}
        writer.add_hparams(params, {"hparam/accuracy": 0.75}, run_name="trial", global_step=5)
        begun = book.note("hparams", params, series="trial")
        book.note("scalar", {"hparam/accuracy": 0.75}, since=begun, step=5, series="trial")
        end(book)


if __name__ == "__main__":
    train()
