"""The trainer as W&B has it."""

from __future__ import annotations

from typing import Any

from sitewire.collectors import wandb
from support.three.book import Book
from support.three.trainers.ending import FAILS, end, steps


def train() -> None:
    """Train once."""
    book = Book.open()
    known: dict[str, Any] = {
        "name": f"try {7 + FAILS}",
        "group": "sweep ü",
        "job_type": "train",
        "notes": "By hand.",
    }
    config = {"lr": 0.1, "net": "resnet", "layers": 3}
    with wandb.init(project="vision & co", tags=["baseline", "v1"], config=config, **known) as run:
        begun = book.begin(experiment="vision & co", **known)
        book.note("tag", {"baseline": "", "v1": ""}, since=begun)
        book.note("param", config, since=begun)
        run.config["warm up"] = True
        book.note("param", {"warm up": True})
        run.define_metric("val/*", step_metric="epoch")
        book.note("definition", {"val/*": {"step_metric": "epoch"}})
        for step in steps():
            run.log({"train/loss": 1 / (step + 1), "deep": {"er": step * 0.5}}, step=step)
            book.note("scalar", {"train/loss": 1 / (step + 1), "deep.er": step * 0.5}, step=step)
        last = steps().stop - 1
        run.log({"epoch": 3, "val/acc": 0.75})  # of the last step, whose row is not complete yet
        book.note("scalar", {"epoch": 3, "val/acc": 0.75}, step=last)
        run.log({"val/acc": 0.875})
        book.note("scalar", {"val/acc": 0.875}, step=last + 1)
        run.log({"remark": "wörld"})
        book.note("text", {"remark": "wörld"}, step=last + 2)
        run.summary["best"] = 0.875
        book.note("summary", {"best": 0.875})
        run.summary["verdict"] = "fine"
        book.note("summary", {"verdict": "fine"})
        end(book)


if __name__ == "__main__":
    train()
