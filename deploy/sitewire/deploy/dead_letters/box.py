"""The dead letters that are there, and which of them are meant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import NotThere, mapped_errors
from sitewire.broker_config.jetstream_api import STREAM_MISSING
from sitewire.broker_config.model import Config
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.broker_config.stretch import read_stretch
from sitewire.deploy.errors import RouteUnknown
from sitewire.schemas.dead_letter import MESSAGE, RECORD, HoleNote, Letter, RecordLetter, decode_letter
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.subject import DEAD, RunKey, parse_stored

READ_BYTES: Final = 1024 * 1024  # of one answer


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter in its stream.

    Attributes:
        id: its sequence there: what people name it by.
        subject: where it is kept.
        letter: what it says; None if this build cannot read it.
        problem: why not; empty otherwise.
    """

    id: int
    subject: str
    letter: Letter | None
    problem: str = ""

    @property
    def route(self) -> str:
        """Whose it is, by its subject."""
        return self.subject.split(".")[1]

    @property
    def run(self) -> RunKey | None:
        """The run that it is about, as far as that is known."""
        if isinstance(self.letter, RecordLetter):
            return self.letter.place.run
        try:
            return parse_stored(self.letter.stored)[1].key if self.letter is not None else None
        except SchemaError:
            return None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is None or empty leaves all.

    Attributes:
        route: the route's name.
        site: the site's name.
        run: the run's.
        ids: of letters.
    """

    route: str | None = None
    site: str | None = None
    run: str | None = None
    ids: Collection[int] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    @property
    def words(self) -> str:
        """What is chosen by name, to be read behind a noun; empty if nothing is."""
        named = (("route", self.route), ("site", self.site), ("run", self.run))
        found = ", ".join(f"{what} `{name}`" for what, name in named if name is not None)
        return f" of {found}" if found else ""

    def means(self, kept: Kept) -> bool:
        """Whether a letter is meant."""
        site, run = (kept.run.site, kept.run.run) if kept.run is not None else (None, None)
        found = ((self.route, kept.route), (self.site, site), (self.run, run))
        return all(wanted in (None, there) for wanted, there in found)


async def read_box(client: Client, selection: Selection) -> AsyncIterator[Kept]:
    """Yield the letters that are meant, oldest first; an id that is none is passed over.

    Raises:
        BrokerError: they could not be read.
    """
    letters = _by_id(client, selection.ids) if selection.ids else _all(client)
    async for kept in letters:
        if selection.means(kept):
            yield kept


async def read_chosen(client: Client, config: Config, selection: Selection) -> list[Kept]:
    """Return the letters that are meant, oldest first.

    Raises:
        RouteUnknown: the route is neither in the file nor in any letter.
        BrokerError: they could not be read.
    """
    letters = [kept async for kept in read_box(client, selection)]
    name, names = selection.route, {route.name for route in config.routes}
    if name is not None and not letters and name not in names:
        # A route that has left the file keeps its letters.
        names |= {kept.route async for kept in read_box(client, Selection())}
        if name not in names:
            raise RouteUnknown(name, names)
    return letters


async def _all(client: Client) -> AsyncIterator[Kept]:
    start, at_end = 1, False
    while not at_end:
        heed_cancellation()
        stretch = await read_stretch(client, DEAD_STREAM, f"{DEAD}.>", start, READ_BYTES)
        for item in stretch.messages:
            kept = _read(item.sequence, item.subject, item.data)
            if kept is not None:
                yield kept
            start = item.sequence + 1
        at_end = stretch.at_end


async def _by_id(client: Client, ids: Collection[int]) -> AsyncIterator[Kept]:
    for sequence in sorted(ids):
        try:
            with mapped_errors():
                found = await client.jsm().get_msg(DEAD_STREAM, sequence)
        except NotThere as error:
            if getattr(error.__cause__, "err_code", None) in STREAM_MISSING:
                raise
            continue
        kept = _read(sequence, found.subject or "", found.data or b"")
        if kept is not None:
            yield kept


def _read(sequence: int, subject: str, data: bytes) -> Kept | None:
    """Return a letter; None if it is a note, which is nobody's to see."""
    tokens = subject.split(".")
    if len(tokens) < 3 or tokens[2] not in (RECORD, MESSAGE):
        return None
    try:
        letter = decode_letter(subject, data)
    except SchemaError as error:
        return Kept(sequence, subject, None, f"the letter cannot be read: {error}")
    return None if isinstance(letter, HoleNote) else Kept(sequence, subject, letter)
