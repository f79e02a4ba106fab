"""What TensorBoard's hparams page shows, asked of the page's own server over either of TensorBoard's readers."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of a library that TensorBoard brings along
    from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin

_ALL = {
    "startIndex": 0,
    "sliceSize": 1000,
    "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
}


@dataclass(frozen=True, slots=True)
class Row:
    """A session as the page lists it; its status is ``None`` while it has no end."""

    params: dict[str, object]
    metrics: dict[str, float]
    status: str | None


def python_provider(logdir: Path) -> Any:
    """Return what ``--load_fast=false`` reads with, having read everything."""
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    return MultiplexerDataProvider(multiplexer, str(logdir))


def read_page(provider: Any) -> dict[str, Row]:
    """Return the page's rows by the name of the session."""
    pages = HParamsPlugin(TBContext(data_provider=provider)).get_plugin_apps()
    columns = [{"hparam": info["name"]} for info in _ask(pages["/experiment"], {}).get("hparamInfos", ())]
    found = _ask(pages["/session_groups"], {**_ALL, "colParams": columns})
    return {
        session["name"]: Row(
            dict(group.get("hparams", {})),
            {metric["name"]["tag"]: metric["value"] for metric in session.get("metricValues", ())},
            session.get("status"),
        )
        for group in found.get("sessionGroups", ())
        for session in group["sessions"]
    }


def _ask(page: Any, request: object) -> dict[str, Any]:
    answer = Client(page).post("/", json=request)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found
