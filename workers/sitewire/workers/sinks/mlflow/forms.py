"""What becomes of a record in MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sitewire.schemas.record import Kind, Record
from sitewire.schemas.renaming import What, renamed
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.appearance import full_name, shown_step
from sitewire.workers.sinks.mlflow.batch import Batch
from sitewire.workers.sinks.mlflow.names import file_path, step_path, storable, written_name, written_tag
from sitewire.workers.sinks.mlflow.nesting import place_of
from sitewire.workers.sinks.mlflow.tracked import NAME_TAG, NOTE_TAG, PLACE_TAG

LONGEST_PARAM: Final = 6000
"""Characters of a param's value; MLflow cuts longer ones, and says so only in its own log."""
LONGEST_TAG: Final = 8000
"""The same of a tag's."""
LONGEST_NAME: Final = 250
"""The same of a run's name; PostgreSQL refuses the whole request for a longer one, and SQLite takes it."""

NAME_PREFIX: Final = "sitewire.name."
PARAM_PREFIX: Final = "sitewire.param."
_ABOUT: Final[Mapping[What, str]] = {"name": NAME_TAG, "notes": NOTE_TAG}
_SAID: Final = ("group", "job", "job_type", "host")
"""What a beginning says that is a tag of its own, ``sitewire.<key>``."""


class Writer:
    """Puts records into a batch.

    Args:
        batch: of one run.
        key: that run.
    """

    def __init__(self, batch: Batch, key: RunKey) -> None:
        self._batch = batch
        self._key = key
        self._names: dict[str, str] = {}
        self._forms: Final[Mapping[Kind, Callable[[Record], None]]] = {
            Kind.SCALAR: self._scalar,
            Kind.TEXT: self._text,
            Kind.PARAM: self._param,
            Kind.TAG: self._tag,
            Kind.HPARAMS: self._hparams,
            Kind.SUMMARY: self._summary,
            Kind.RUN_START: self._run_start,
            Kind.RUN_END: _noticed,  # the run's end is the ending that it is concluded with
            Kind.DEFINITION: _noticed,  # MLflow's page decides by itself how a metric is shown
        }

    def write(self, record: Record) -> None:
        """Put a record in."""
        self._forms[record.kind](record)

    def _scalar(self, record: Record) -> None:
        self._point(full_name(record), float(_any(record.value)), record)

    def _text(self, record: Record) -> None:
        name, step = full_name(record), shown_step(record)
        path = file_path(name) if step is None else step_path(name, step)
        if not path.startswith(name):
            self._note(path.rpartition("/")[0] if step is not None else path, name)
        self._batch.file(path, str(record.value))

    def _param(self, record: Record) -> None:
        self._set_param(full_name(record), str(record.value))

    def _hparams(self, record: Record) -> None:
        for name, value in _any(record.value)["params"].items():
            self._set_param(full_name(record._replace(name=name)), str(value))

    def _tag(self, record: Record) -> None:
        name = full_name(record)
        key = written_tag(name)
        if key != name:
            self._note(key, name)
        self._set_tag(key, str(record.value))
        if (said := renamed(record)) is not None:
            self._set_tag(_ABOUT[said[0]], said[1])

    def _summary(self, record: Record) -> None:
        name, value = full_name(record), record.value
        self._set_tag(self._written(f"summary.{name}"), str(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._point(f"summary/{name}", float(value), record)

    def _run_start(self, record: Record) -> None:
        said = _any(record.value)
        for key in _SAID:
            if said.get(key) is not None:
                self._set_tag(f"sitewire.{key}", str(said[key]))
        for key, tag in _ABOUT.items():
            if said.get(key):
                self._set_tag(tag, str(said[key]))
        parent = said.get("parent")
        self._set_tag(PLACE_TAG, place_of(self._key, str(parent) if parent else None))

    def _point(self, name: str, value: float, record: Record) -> None:
        self._batch.metric(self._written(name), value, milliseconds(record.time), shown_step(record) or 0)

    def _set_param(self, name: str, value: str) -> None:
        """Write a param; MLflow keeps its first value, and what it was changed to is a tag."""
        key, text = self._written(name), storable(value)
        cut = text[:LONGEST_PARAM]
        there, changed = self._batch.known.params.get(key), written_name(f"{PARAM_PREFIX}{key}")
        if there is not None and (there != cut or changed in self._batch.known.tags):
            self._set_tag(changed, value)
            return
        if there is not None:
            return
        if cut != text:
            self._batch.file(file_path(f"sitewire/params/{key}.txt"), value)
        self._batch.param(key, cut)

    def _set_tag(self, key: str, value: str) -> None:
        text = storable(value)
        longest = LONGEST_NAME if key == NAME_TAG else LONGEST_TAG
        if len(text) > longest:
            self._batch.file(file_path(f"sitewire/tags/{key}.txt"), value)
        self._batch.tag(key, text[:longest])

    def _written(self, name: str) -> str:
        """Return the name that MLflow takes; of another one than the true one, a tag says which that is."""
        key = self._names.get(name)
        if key is None:
            key = self._names[name] = written_name(name)
        if key != name:
            self._note(key, name)
        return key

    def _note(self, key: str, name: str) -> None:
        tag = written_name(f"{NAME_PREFIX}{key}")
        if self._batch.known.tags.get(tag) != storable(name):
            self._set_tag(tag, name)


def milliseconds(time: float) -> int:
    """Return a time in seconds as MLflow has it."""
    return round(time * 1000)


def _noticed(record: Record) -> None:
    """Write nothing: the record is counted, and that is its form."""


def _any(value: object) -> Any:  # noqa: ANN401  typed by the kind, which the schema has checked
    return value
