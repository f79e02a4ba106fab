"""One run in the real client. Imported in the host only: importing ``wandb`` wraps standard output and starts threads.

Where the online mode differs: ``settings_of``.
"""

# ruff: noqa: SLF001  the client has no public word for leaving a run that goes on, nor for the end of its core
from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import wandb

from sitewire.workers.sinks.wandb.online_settings import online_settings

_INIT_SECONDS: Final = 20.0
_FINISH_SECONDS: Final = 20.0


def settings_of(begin: Mapping[str, Any], said: Mapping[str, Any]) -> wandb.Settings:
    """Return the client's settings: nothing of its own but what it is told. Quiet, and no look at machine or code.

    Args:
        begin: the arguments of ``Operation.BEGIN``.
        said: the arguments of ``Operation.OPEN``.

    Raises:
        PlaceDown: there is no API key, in online mode.
    """
    settings = wandb.Settings(
        console="off",
        silent=True,
        symlink=False,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        disable_git=True,
        disable_code=True,
        x_save_requirements=False,
        init_timeout=_INIT_SECONDS,
        finish_timeout=_FINISH_SECONDS,
        finish_timeout_raises=True,
        x_transaction_log_flush_interval=begin["flush"],
        mode=begin["mode"],
    )
    if begin["mode"] == "online":
        settings.update_from_dict(dict(online_settings(begin, ends=said["ends"])))
    return settings


class ClientRun:
    """A segment that is being written."""

    def __init__(self, run: wandb.Run, next_row: int) -> None:
        self._run = run
        self._next = next_row

    @classmethod
    def open(cls, begin: Mapping[str, Any], said: Mapping[str, Any]) -> ClientRun:
        """Open a segment.

        Args:
            begin: the arguments of ``Operation.BEGIN``.
            said: the arguments of ``Operation.OPEN``.

        Raises:
            wandb.Error: the client refused.
        """
        info = said["info"]
        run = wandb.init(
            dir=said["dir"],
            id=said["id"],
            project=said["project"],
            name=info.get("name"),
            group=info.get("group"),
            job_type=info.get("job_type"),
            notes=info.get("notes"),
            tags=said["tags"],
            config=said["config"],
            mode=begin["mode"],
            reinit="create_new",
            settings=settings_of(begin, said),
        )
        opened = cls(run, said["next_row"])
        opened._define(said["definitions"])
        if said["summary"]:
            run.summary.update(said["summary"])
        return opened

    def wait_for_core(self) -> None:
        """Return when ``wandb-core`` has ended, which serves all runs of this process."""
        inner: Any = self._run
        inner._wl.assert_service()._proc.join()

    @property
    def file(self) -> str:
        """The ``.wandb`` file."""
        return str(Path(self._run.dir).parent / f"run-{self._run.id}.wandb")

    def write(self, said: Mapping[str, Any]) -> None:
        """Hand over a batch: the arguments of ``Operation.WRITE``.

        Raises:
            wandb.Error: the client refused.
            ConnectionError: the core is gone.
        """
        self._show(said)
        self._log(said["rows"])
        if said["summary"]:
            self._run.summary.update(said["summary"])
        self._log(said["last"])

    def finish(self, code: int) -> None:
        """End the run.

        Raises:
            TimeoutError: not all has come through.
        """
        self._run.finish(exit_code=code)

    def leave(self) -> int:
        """Close the segment without an exit code; return the number behind the last row that was handed over.

        The client has no word for that: these are the parts of its ``finish`` behind the exit record.
        """
        run = self._run
        inner: Any = run
        if inner._run_status_checker is not None:
            inner._run_status_checker.stop()
        if inner._run_messages is not None:
            inner._run_messages.stop(timeout=0)
        inner._is_finished = True
        inner._wl.remove_active_run(run)
        for hook in inner._teardown_hooks:  # closes the run's log: a host would run out of descriptors
            hook.call()
        inner._teardown_hooks = []
        inner._unregister_telemetry_import_hooks(run.id)  # each of them holds the run
        inner._wl.assert_service().inform_finish(run_id=run.id)
        return self._next

    def _log(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> None:
        for number, values in rows:
            self._run.log(values, step=number, commit=True)
            self._next = number + 1

    def _show(self, said: Mapping[str, Any]) -> None:
        run, info = self._run, said["info"]
        if "name" in info:
            run.name = info["name"]
        if "notes" in info:
            run.notes = info["notes"]
        if said["tags"]:
            run.tags = said["tags"]
        if said["config"]:
            run.config.update(said["config"], allow_val_change=True)
        self._define(said["definitions"])

    def _define(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        for name, how in definitions.items():
            self._run.define_metric(name, **how, overwrite=True)
