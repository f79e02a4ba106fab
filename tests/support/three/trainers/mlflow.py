"""The trainer as MLflow's fluent calls have it."""

from __future__ import annotations

from sitewire.collectors import mlflow
from support.three.book import Book
from support.three.trainers.ending import end, steps

EXPERIMENT = "cancer & co"


def train() -> None:
    """Train once, with a fold in a nested run."""
    book = Book.open()
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name="first try", tags={"team": "blue"}, description="By hand."):
        begun = book.begin(experiment=EXPERIMENT, name="first try", notes="By hand.")
        book.note("tag", {"team": "blue"}, since=begun)
        params = {"lr": 0.1, "layers": 3, "opt": "adam"}
        mlflow.log_params(params)
        book.note("param", params)
        mlflow.log_param("warm up", True)
        book.note("param", {"warm up": True})
        mlflow.set_tag("stage", "dev")
        book.note("tag", {"stage": "dev"})
        mlflow.set_tags({"stage": "test/ü", "reviewer": "Zoë"})
        book.note("tag", {"stage": "test/ü", "reviewer": "Zoë"})
        for step in steps():
            mlflow.log_metric("train/loss", 1 / (step + 1), step=step)
            book.note("scalar", {"train/loss": 1 / (step + 1)}, step=step)
        mlflow.log_metrics({"val/acc": 0.5, "val/f1": 0.25}, step=9, timestamp=1_700_000_000_123)
        book.note("scalar", {"val/acc": 0.5, "val/f1": 0.25}, step=9, at=1_700_000_000.123)
        mlflow.log_text("hello\nwörld", "notes/intro.txt")
        book.note("text", {"notes/intro.txt": "hello\nwörld"})
        _fold()
        book.mark()
        end(book)


def _fold() -> None:
    book = Book.open("fold 1")
    with mlflow.start_run(run_name="fold 1", nested=True):
        book.begin(experiment=EXPERIMENT, name="fold 1")
        mlflow.log_metric("fold/loss", 0.125, step=1)
        book.note("scalar", {"fold/loss": 0.125}, step=1)
        book.end("finished")


if __name__ == "__main__":
    train()
