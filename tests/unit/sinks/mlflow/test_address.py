"""Where MLflow is: one identity for all spellings, and no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sitewire.workers.errors import PlaceDown
from sitewire.workers.sinks.mlflow import MlflowOptions, MlflowSink
from sitewire.workers.sinks.mlflow.credentials import Credentials

BASE = Path("/etc/sitewire")


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        ("http://mlflow:5000", "mlflow:http://mlflow:5000"),
        ("HTTP://MLflow:5000/", "mlflow:http://mlflow:5000"),
        ("https://mlflow:443", "mlflow:https://mlflow"),
        ("http://mlflow:80/team/", "mlflow:http://mlflow/team"),
        ("http://[::1]:5000", "mlflow:http://[::1]:5000"),
        ("sqlite:///mlflow.db", "mlflow:sqlite:////etc/sitewire/mlflow.db"),
        ("sqlite:///../a/./mlflow.db", "mlflow:sqlite:////etc/a/mlflow.db"),
        ("sqlite:////data/mlflow.db", "mlflow:sqlite:////data/mlflow.db"),
    ],
)
def test_spellings_of_one_address_are_one_place(uri: str, identity: str) -> None:
    assert MlflowSink.from_options(MlflowOptions(tracking_uri=uri), BASE).identity == identity


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns",
        "file:/runs",
        "postgresql://db/mlflow",
        "http://",
        "http://h:port",
        "http://h/?a=b",
        "sqlite:///",
        "databricks",
    ],
)
def test_what_the_sink_cannot_write_to_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="tracking_uri"):
        MlflowOptions(tracking_uri=uri)


def test_a_password_in_the_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match="password_file") as caught:
        MlflowOptions(tracking_uri="http://me:hunter2@mlflow")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    [{"username": "me"}, {"password_file": "p"}, {"username": "me", "password_file": "p", "token_file": "t"}],
)
def test_there_is_one_way_to_log_in(keys: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MlflowOptions.model_validate({"tracking_uri": "http://h", **keys})


def test_secrets_are_read_from_files_and_never_print(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    options = MlflowOptions(tracking_uri="http://h", token_file=Path("token"))
    credentials = Credentials(options, tmp_path)
    assert credentials.read()
    assert not credentials.read()
    assert credentials.header == "Bearer hunter2"
    assert "hunter2" not in repr(credentials)
    assert "hunter2" not in repr(MlflowSink.from_options(options, tmp_path).__dict__)


@pytest.mark.parametrize("content", [None, "", "two\nlines", b"\xff\xfe"])
def test_a_file_without_a_secret_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PlaceDown, match="token") as caught:
        Credentials(MlflowOptions(tracking_uri="http://h", token_file=Path("token")), tmp_path).read()
    assert "lines" not in str(caught.value)
