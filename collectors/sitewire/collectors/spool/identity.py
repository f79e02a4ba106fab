"""Who a writer is, beside its records, so that another process can publish them."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sitewire.schemas import limits, subject
from sitewire.schemas.subject import RunKey
from sitewire.schemas.wire import is_text, is_time

_KEYS: Final = frozenset({"site", "run", "writer", "experiment", "url", "started"})
_OPTIONAL: Final = frozenset({"forked"})
MAX_URL_BYTES: Final = 256 * 1024
"""Of a broker's address; of a cluster a list. Twice what an environment variable can hold: masked it is longer."""


@dataclass(frozen=True, slots=True)
class WriterIdentity:
    """One writer.

    Attributes:
        site: name, not token.
        run: name, not token.
        writer: 32 hexadecimal digits.
        experiment: the experiment of the run.
        url: the broker that the writer's process publishes to, secrets masked; ``None`` if it does not.
        started: seconds since the epoch.
        forked: the process was forked from one that logs to the same run.
    """

    site: str
    run: str
    writer: str
    experiment: str = "default"
    url: str | None = None
    started: float = 0.0
    forked: bool = False

    def place(self, root: Path) -> Path:
        """Return the writer's directory below a spool."""
        return root.joinpath(*RunKey(self.site, self.run).tokens, self.writer)


def save_identity(path: Path, identity: WriterIdentity) -> None:
    """Write the file in one step: it is there and whole, or not there.

    Raises:
        OSError: it cannot be written.
    """
    body = json.dumps(asdict(identity), ensure_ascii=True, sort_keys=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"identity": body, "crc": zlib.crc32(body.encode())}))
    draft.replace(path)


def load_identity(path: Path) -> WriterIdentity:
    """Return who wrote the directory that the file lies in.

    Where the file is damaged or gone, the directories' names still say site, run and writer; records matter
    more than the name of their experiment.

    Raises:
        OSError: the file cannot be read.
        SubjectError: it is damaged or gone, and the directories are not a spool's.
    """
    try:
        outer = json.loads(path.read_bytes())
        body = outer["identity"]
        if outer["crc"] == zlib.crc32(body.encode()):
            return _parse(json.loads(body))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # not there, or any way in which JSON can be something else
    return identity_of(path.parent)


def identity_of(directory: Path) -> WriterIdentity:
    """Return what the directories' names say of a writer.

    Raises:
        SubjectError: they are not a spool's.
    """
    site, run, writer = ("", "", "", *directory.parts)[-3:]
    return WriterIdentity(subject.unescape(site), subject.unescape(run), subject.parse_writer(writer))


def _parse(body: dict[str, Any]) -> WriterIdentity:
    if not _KEYS <= body.keys() <= _KEYS | _OPTIONAL:
        msg = "not the fields of a writer"
        raise ValueError(msg)
    identity = WriterIdentity(**body)
    subject.account_subject(RunKey(identity.site, identity.run), subject.parse_writer(identity.writer))
    url_is_one = identity.url in (None, "") or is_text(identity.url, MAX_URL_BYTES)
    if not (
        url_is_one
        and is_text(identity.experiment, limits.MAX_EXPERIMENT_BYTES)
        and is_time(identity.started)
        and type(identity.forked) is bool
    ):
        msg = "not what a writer says of itself"
        raise ValueError(msg)
    return identity
