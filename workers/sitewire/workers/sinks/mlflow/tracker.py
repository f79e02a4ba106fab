"""What the sink asks of a tracking store. Every method blocks: a thread of the place calls it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from mlflow.entities import LifecycleStage, RunStatus, RunTag, ViewType
from mlflow.store.tracking.abstract_store import AbstractStore

from sitewire.workers.errors import BatchRefused, PlaceDown, Temporary, Throttled, WorkerError
from sitewire.workers.sinks.mlflow.errors import AlreadyThere, NotThere, RunDeleted, mlflow_errors_as_ours
from sitewire.workers.sinks.mlflow.names import aside_path, storable
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.mlflow.tracked import NewRun, Tracked

USER: Final = "sitewire"
PAGE: Final = 1000


class Tracker(ABC):
    """A tracking store: one of MLflow's own, with its errors as ours.

    Args:
        store: MLflow's.
        uri: where it is, for messages.
    """

    def __init__(self, store: AbstractStore, uri: str) -> None:
        self.uri = uri
        self._store: Any = store

    @abstractmethod
    def log(self, run_id: str, request: Request) -> None:
        """Send a request. Params, metrics and tags are stored one after another: an error may leave a part of it.

        Raises:
            WorkerError: it is not stored, in part, or that is not known.
        """

    @abstractmethod
    def upload(self, run: Tracked, path: str, text: str) -> None:
        """Store a text as an artifact of exactly this path; one that is there is replaced.

        Raises:
            WorkerError: it is not stored, or that is not known.
        """

    @abstractmethod
    def listed(self, run: Tracked, folder: str) -> Mapping[str, bool]:
        """Return what lies in a folder of a run's artifacts: whether it is a folder itself, by its path."""

    @abstractmethod
    def close(self) -> None:
        """Close connections."""

    def put_text(self, run: Tracked, path: str, text: str) -> None:
        """Store a text as an artifact, under another path if this one can never be: what is in its way stays there.

        Raises:
            WorkerError: it is not stored, or that is not known.
        """
        with self._apart_from_artifacts(run):
            try:
                self.upload(run, path, text)
            except WorkerError:
                if not self._taken(run, path):
                    raise
                self.upload(run, aside_path(path), text)

    def get(self, run_id: str) -> Tracked:
        """Return a run.

        Raises:
            NotThere: there is none.
        """
        with self._asked():
            return _tracked(self._store.get_run(run_id))

    def create(self, new: NewRun, experiment_id: str) -> str:
        """Make a run, and return its id. After an error there may be one all the same.

        Raises:
            NotThere, RunDeleted: the experiment is gone.
        """
        tags = [RunTag(name, storable(value)) for name, value in new.tags.items()]
        with self._asked():
            run = self._store.create_run(experiment_id, USER, new.start, tags, storable(new.name))
            return str(run.info.run_id)

    def delete(self, run_id: str) -> None:
        """Put a run into the bin; one that is there, or nowhere, is no error."""
        try:
            with self._asked():
                self._store.delete_run(run_id)
        except (NotThere, RunDeleted):
            pass

    def find(self, experiment_ids: Iterable[str], tag: str, value: str) -> Iterator[Tracked]:
        """Yield the runs that bear a tag, and are not in the bin.

        Args:
            experiment_ids: where to look.
            tag: its name.
            value: without a quote.
        """
        token = None
        while True:
            with self._asked():
                page = self._store.search_runs(
                    list(experiment_ids), f"tags.`{tag}` = '{value}'", ViewType.ACTIVE_ONLY, PAGE, None, token
                )
            yield from map(_tracked, page)
            token = page.token
            if not token:
                return

    def update(self, run_id: str, status: str, end: int | None) -> None:
        """Set how a run stands; ``end`` is in milliseconds since the epoch, and None leaves what is there."""
        with self._asked():
            self._store.update_run_info(run_id, RunStatus.from_string(status), end, None)

    def experiment(self, name: str) -> str:
        """Return the id of the experiment of that name, which is made if there is none.

        Raises:
            RunDeleted: it is in the bin.
        """
        with self._asked():
            found = self._named(name)
            if found is None:
                try:
                    return str(self._make(name))
                except AlreadyThere:  # somebody was faster
                    found = self._named(name)
            if found is None:
                msg = f"MLflow has no experiment {name!r}, and makes none"
                raise NotThere(msg)
            if found.lifecycle_stage != LifecycleStage.ACTIVE:
                raise RunDeleted(self._bin(f"experiment {name!r}", "experiments", "experiment", found.experiment_id))
            return str(found.experiment_id)

    def experiment_there(self, name: str) -> str | None:
        """Return the id of the experiment of that name, in the bin or not; None if there is none."""
        with self._asked():
            found = self._named(name)
            return None if found is None else str(found.experiment_id)

    def experiment_name(self, experiment_id: str) -> str:
        """Return the name of an experiment that a run is in.

        Raises:
            NotThere: it is gone.
        """
        with self._asked():
            return str(self._store.get_experiment(experiment_id).name)

    def restoring(self, run: Tracked) -> str:
        """Return what to say of a run that is in the bin."""
        try:
            with self._asked():
                experiment = self._store.get_experiment(run.experiment_id)
        except NotThere:
            return f"the experiment {run.experiment_id} of run {run.id} is gone"
        if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
            return self._bin(f"experiment {experiment.name!r}", "experiments", "experiment", run.experiment_id)
        return self._bin(f"run {run.id}", "runs", "run", run.id)

    @contextmanager
    def _apart_from_artifacts(self, run: Tracked) -> Iterator[None]:
        """Tell artifacts that cannot be stored from a tracker that is down: other runs go on if it answers."""
        try:
            yield
        except Throttled:
            raise
        except PlaceDown as error:
            self.get(run.id)
            msg = f"artifacts cannot be stored: {error}"
            raise Temporary(msg) from error

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raise our errors; what is refused here is no record, and none may go to the dead letters for it."""
        try:
            with mlflow_errors_as_ours(self.uri):
                yield
        except BatchRefused as error:
            raise Temporary(str(error)) from error

    def _taken(self, run: Tracked, path: str) -> bool:
        """Whether a folder has the path, or a file one of its folders."""
        parts = path.split("/")
        for count in range(len(parts)):
            there = self.listed(run, "/".join(parts[:count])).get("/".join(parts[: count + 1]))
            if there is None or count == len(parts) - 1:
                return bool(there)
            if not there:
                return True
        return False

    def _bin(self, what: str, command: str, option: str, name: str) -> str:
        return (
            f"{what} is in MLflow's bin; records wait for it until it is restored:"
            f" mlflow {command} restore --{option}-id {name}"
        )

    def _named(self, name: str) -> Any | None:  # noqa: ANN401  MLflow's Experiment
        try:
            with self._asked():
                return self._store.get_experiment_by_name(storable(name))
        except NotThere:
            return None

    def _make(self, name: str) -> Any:  # noqa: ANN401  text or number, by the store
        with self._asked():
            return self._store.create_experiment(storable(name), None, None)


def _tracked(run: Any) -> Tracked:  # noqa: ANN401  MLflow's Run
    info = run.info
    return Tracked(
        id=str(info.run_id),
        experiment_id=str(info.experiment_id),
        deleted=info.lifecycle_stage != LifecycleStage.ACTIVE,
        status=str(info.status),
        start=int(info.start_time or 0),
        end=info.end_time or None,
        artifact_uri=str(info.artifact_uri),
        params=_copied(run.data.params),
        tags=_copied(run.data.tags),
    )


def _copied(items: Mapping[str, str]) -> dict[str, str]:
    return dict(items)
