"""Names that MLflow takes, by MLflow's own judgement."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.store.artifact.artifact_repo import verify_artifact_path
from mlflow.utils.uri import validate_path_is_safe
from mlflow.utils.validation import _validate_metric_name, _validate_tag

from sitewire.workers.sinks.mlflow.names import file_path, step_path, storable, written_name, written_tag

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=600) | st.text(
    "ab/. :@\\#%_-ä😀\n\0", min_size=1, max_size=12
)


@given(NAMES)
@example("..a")
@example("a\n")
@example("/..")
@example("a" * 250 + "/")
@example("sitewire.at.x")
def test_mlflow_takes_every_name_that_is_written(name: str) -> None:
    for written in (written_name(name), written_tag(name), written_name(f"sitewire.param.{written_name(name)}")):
        _validate_metric_name(written)
        _validate_tag(written, "")
        assert len(written) <= 250


@given(NAMES, st.integers(-(2**63), 2**63 - 1))
@example("C:/x", 1)
@example(" ", 1)
@example("a /b", 1)
@example("file:x", 1)
@example("a/" * 120, 1)
@example("a" * 249 + "ä", 1)
def test_every_path_of_an_artifact_is_safe_and_fits_a_file_system(name: str, step: int) -> None:
    for path in (file_path(name), step_path(name, step)):
        verify_artifact_path(path)
        validate_path_is_safe(path)
        assert all(0 < len(part.encode()) <= 255 for part in path.split("/"))
        assert len(path.encode()) <= 2000


@given(NAMES)
def test_a_name_that_is_taken_stays_as_it_is(name: str) -> None:
    assert written_name(written_name(name)) == written_name(name)
    assert written_tag(written_tag(name)) == written_tag(name)


@given(st.sets(NAMES, min_size=2, max_size=6))
def test_names_stay_apart(names: set[str]) -> None:
    for write in (written_name, written_tag):
        assert len(set(map(write, names))) == len(names)


def test_what_is_written_is_readable() -> None:
    assert written_name("loss@train%").startswith("loss_train__")
    assert written_name("train/loss") == "train/loss"
    assert written_tag("sitewire.at.x").startswith("sitewire_at.x_")
    assert file_path("notes") == "notes.txt"
    assert file_path("logs/out.md") == "logs/out.md"
    assert step_path("logs/out", 3) == "logs/out/3.txt"
    assert storable("a\0b") == "a\\0b"
