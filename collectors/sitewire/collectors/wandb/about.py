"""What can be asked about a run: its names, its place, and that there is no page of it yet."""

from __future__ import annotations

import tempfile
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from sitewire.collectors.lifecycle import tell
from sitewire.collectors.refusals import Reason
from sitewire.collectors.run import Run
from sitewire.collectors.wandb.request import Request, checked_tags
from sitewire.collectors.wandb.stand_ins import Settings


class About:
    """Properties of the original's ``Run``.

    Args:
        run: ours.
        request: what ``init`` was asked for.
    """

    def __init__(self, run: Run, request: Request) -> None:
        self._run = run
        self._request = request
        self._name = run._settings.name  # noqa: SLF001  of the collectors, as this is; a variable may say it
        self._notes, self._tags = request.notes, request.tags
        self._start_time = time.time()
        self._dir: Path | None = None
        self._looks_for_files: Callable[[], object] | None = None

    @property
    def id(self) -> str:
        """Identifier of the run: what all sites of a job share."""
        return self._run.run

    @property
    def name(self) -> str | None:
        """What people call the run; the id, if nobody has named it."""
        return self._name or self.id

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if name:  # without one it is called as before
            self._run.set_tag("wandb.name", name)

    @property
    def notes(self) -> str | None:
        """Text about the run, if there is any."""
        return self._notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._notes = notes
        self._run.set_tag("wandb.notes", "" if notes is None else notes)

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels of the run. Setting them records those that are new; none is taken back."""
        return self._tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        try:
            wanted = checked_tags(tags)
        except ValueError as error:
            tell(f"Invalid tag detected: {error} Tags not updated.")  # as the original does
            return
        for tag in wanted:
            if tag not in self._tags:
                self._run.set_tag(tag, "")
        if set(self._tags) - set(wanted):
            self._run.refuse(Reason.NOT_COLLECTED, "a tag that was taken off: what was recorded stays", once="tags")
        self._tags = wanted

    @property
    def entity(self) -> str:
        """What ``init`` was given, or empty: a site is who its credentials say."""
        return self._request.entity or ""

    @property
    def project(self) -> str:
        """The experiment."""
        return self._run.experiment

    @property
    def group(self) -> str:
        """What the run is shown together with, or empty."""
        return self._run._settings.group or ""  # noqa: SLF001  likewise

    @property
    def job_type(self) -> str:
        """What part of a job it is, or empty."""
        return self._request.job_type or ""

    @property
    def path(self) -> str:
        """Entity, project and id, joined by slashes."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def start_time(self) -> float:
        """Seconds since the epoch when the run began."""
        return self._start_time

    @property
    def starting_step(self) -> int:
        """The first step: 0, since nobody is asked what an earlier attempt logged."""
        return 0

    @property
    def resumed(self) -> bool:
        """``False``, for the same reason."""
        return False

    @property
    def mode(self) -> str:
        """What ``init`` was given; only ``disabled`` makes a difference here."""
        return self._request.mode

    @property
    def offline(self) -> bool:
        """Whether ``init`` was told so."""
        return self.mode in ("offline", "dryrun")

    @property
    def disabled(self) -> bool:
        """Whether the run logs nothing."""
        return self._run._settings.disabled  # noqa: SLF001  likewise

    @property
    def url(self) -> str | None:
        """``None``: which tracker shows the run is not known here. So it is with the three that follow."""
        return None

    @property
    def project_url(self) -> str | None:
        """``None``."""
        return None

    @property
    def sweep_url(self) -> str | None:
        """``None``."""
        return None

    @property
    def sweep_id(self) -> str | None:
        """``None``."""
        return None

    @property
    def settings(self) -> Settings:
        """What is known of the run, by the original's names of settings."""
        names = {"run_id": self.id, "run_name": self.name, "run_notes": self.notes, "run_tags": self.tags}
        about = {"entity": self.entity, "project": self.project, "run_group": self.group, "run_job_type": self.job_type}
        return Settings(**names, **about, mode=self.mode, reinit=self._request.reinit)

    @property
    def sync_dir(self) -> str:
        """The directory above ``dir``."""
        return str(Path(self.dir).parent)

    @property
    def dir(self) -> str:
        """A directory for files of the program, made when it is asked for; what is put there stays there."""
        if self._dir is None:
            self._dir = self._make_dir()
            # When the run is finished, or the program ends: only then is it known whether anything was put there.
            self._looks_for_files = weakref.finalize(self, _refuse_files, self._run, self._dir)
        return str(self._dir)

    def _look_for_files(self) -> None:
        if self._looks_for_files is not None:
            self._looks_for_files()

    def _make_dir(self) -> Path:
        started = time.strftime("%Y%m%d_%H%M%S", time.localtime(self._start_time))
        path = Path(self._request.dir or ".").absolute() / "wandb" / f"run-{started}-{self.id}" / "files"
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            path = Path(tempfile.mkdtemp(prefix="wandb-")) / "files"
            path.mkdir()
            tell(f"run.dir is {path}: {error}")
        return path


def _refuse_files(run: Run, path: Path) -> None:
    try:
        found = any(path.iterdir())
    except OSError:
        return  # removed meanwhile
    if found:
        run.refuse(Reason.NOT_COLLECTED, f"files in run.dir ({path}) are not collected yet", once="dir")
