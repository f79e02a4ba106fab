"""What the online mode is configured with, and what ``check`` says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sitewire.workers.sinks.wandb import WandbOptions


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"mode": "online"}, "mode online needs api_key_file"),
        ({"entity": "team"}, "are for mode online"),
        ({"base_url": "https://w"}, "are for mode online"),
        ({"api_key_file": "key"}, "are for mode online"),
        ({"mode": "online", "api_key_file": "key", "base_url": "w.example.org"}, "base_url begins with"),
        ({"mode": "disabled"}, "'offline' or 'online'"),
    ],
)
def test_what_does_not_go_together_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        WandbOptions.model_validate({"dir": "runs", **said})


def test_the_service_is_wandbs_own_unless_it_is_said_and_the_key_is_beside_the_config(tmp_path: Path) -> None:
    said: dict[str, Any] = {"dir": "runs", "mode": "online", "api_key_file": "key"}
    service = WandbOptions.model_validate(said).service(tmp_path)
    assert service is not None
    assert (service.base_url, service.entity, service.api_key_file) == ("https://api.wandb.ai", None, tmp_path / "key")
    own = WandbOptions.model_validate({**said, "base_url": "https://w/", "entity": "e"}).service(tmp_path)
    assert own is not None
    assert (own.base_url, own.entity) == ("https://w", "e")
    assert WandbOptions(dir=tmp_path).service(tmp_path) is None
