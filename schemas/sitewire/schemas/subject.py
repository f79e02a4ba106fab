"""Subjects, and how names become tokens of them.

A collector publishes to ``metrics.<site>.<run>.<class>.<writer>``. On arrival the stream puts the
partition behind the first token (a subject transform), so stored messages bear
``metrics.<partition>.<site>.<run>.<class>.<writer>``.

A name keeps ``A-Za-z0-9_-``; every other byte of its UTF-8 is written ``=XX``, upper case. The
writing is canonical: one name, one token, so that nobody can speak as another in a second spelling.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

from sitewire.schemas import limits
from sitewire.schemas.errors import NameRefused, SubjectError
from sitewire.schemas.record import RecordClass

METRICS: Final = "metrics"
ACCOUNT: Final = "account"
RECEIPT: Final = "receipt"
DEAD: Final = "dead"
RETRY: Final = "retry"

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+")
_PARTITION: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_WRITER: Final = re.compile(r"[0-9a-f]{32}")


def new_writer() -> str:
    """Return a fresh writer identity: 128 random bits as 32 hexadecimal digits, never those of a retry."""
    while (writer := secrets.token_hex(limits.WRITER_BYTES)).startswith(limits.RETRY_PREFIX):
        pass
    return writer


def escape(name: str) -> str:
    """Write a site or run name as a token.

    Raises:
        NameRefused: the name is empty, longer than 64 characters, or its token than 200 bytes.
    """
    if not name:
        msg = "a name must not be empty"
        raise NameRefused(msg)
    if len(name) > limits.MAX_NAME_CHARACTERS:
        msg = f"a name has at most {limits.MAX_NAME_CHARACTERS} characters, this one has {len(name)}: {name[:40]!r}..."
        raise NameRefused(msg)
    try:
        raw = name.encode()
    except UnicodeEncodeError as error:
        msg = f"a name must be text that UTF-8 can hold: {name!r}"
        raise NameRefused(msg) from error
    token = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in raw)
    if len(token) > limits.MAX_TOKEN_BYTES:
        msg = f"{name!r} takes {len(token)} bytes in a subject, {limits.MAX_TOKEN_BYTES} are allowed; shorten it"
        raise NameRefused(msg)
    return token


def unescape(token: str) -> str:
    """Read a token back into its name.

    Raises:
        SubjectError: the token is not what ``escape`` writes.
    """
    if not _TOKEN.fullmatch(token):
        msg = f"not a name's token: {token[:80]!r}"
        raise SubjectError(msg)
    raw = re.sub(rb"=(..)", lambda match: bytes([int(match[1], 16)]), token.encode())
    try:
        name = raw.decode()
        canonical = escape(name)
    except (UnicodeDecodeError, NameRefused) as error:
        msg = f"not a name's token: {token[:80]!r}"
        raise SubjectError(msg) from error
    if canonical != token:
        msg = f"not canonical: {token[:80]!r} should be {canonical!r}"
        raise SubjectError(msg)
    return name


@dataclass(frozen=True, slots=True)
class RunKey:
    """One (site, run): a run in a tracker. Both are names, not tokens."""

    site: str
    run: str

    @property
    def tokens(self) -> tuple[str, str]:
        """Site and run as tokens: safe in subjects and as names of files."""
        return escape(self.site), escape(self.run)


@dataclass(frozen=True, slots=True)
class Subject:
    """Where the records of one writer and class go."""

    key: RunKey
    record_class: RecordClass
    writer: str

    def __str__(self) -> str:
        """Return the subject that the collector publishes to."""
        site, run = self.key.tokens
        return f"{METRICS}.{site}.{run}.{self.record_class}.{self.writer}"

    def stored(self, partition: int) -> str:
        """Return the subject that the stream stores it under."""
        return str(self).replace(f"{METRICS}.", f"{METRICS}.{partition}.", 1)


def parse_published(subject: str) -> Subject:
    """Read a subject as a collector publishes it.

    Raises:
        SubjectError: it is not one.
    """
    tokens = subject.split(".")
    if len(tokens) != 5 or tokens[0] != METRICS:
        msg = f"not metrics.<site>.<run>.<class>.<writer>: {subject[:200]!r}"
        raise SubjectError(msg)
    return _parse(tokens[1:])


def parse_stored(subject: str) -> tuple[int, Subject]:
    """Read a subject as the stream stores it, into its partition and the rest.

    Raises:
        SubjectError: it is not one.
    """
    tokens = subject.split(".")
    if len(tokens) != 6 or tokens[0] != METRICS or not _PARTITION.fullmatch(tokens[1]):
        msg = f"not metrics.<partition>.<site>.<run>.<class>.<writer>: {subject[:200]!r}"
        raise SubjectError(msg)
    return int(tokens[1]), _parse(tokens[2:])


def _parse(tokens: list[str]) -> Subject:
    site, run, record_class, writer = tokens
    try:
        known = RecordClass(record_class)
    except ValueError as error:
        msg = f"unknown class {record_class[:40]!r}; there are {', '.join(RecordClass)}"
        raise SubjectError(msg) from error
    if parse_writer(writer).startswith(limits.RETRY_PREFIX):
        msg = f"a collector speaks as the writer of a retry: {writer}"
        raise SubjectError(msg)
    return Subject(RunKey(unescape(site), unescape(run)), known, writer)


def parse_writer(token: str) -> str:
    """Return the token if it is a writer's.

    Raises:
        SubjectError: it is not 32 lower-case hexadecimal digits.
    """
    if not _WRITER.fullmatch(token):
        msg = f"a writer is 32 lower-case hexadecimal digits: {token[:40]!r}"
        raise SubjectError(msg)
    return token


def account_subject(key: RunKey, writer: str) -> str:
    """Return where the account of a writer is kept."""
    return ".".join((ACCOUNT, *key.tokens, writer))


def parse_account_subject(subject: str) -> tuple[RunKey, str]:
    """Read an account's subject into its run and writer.

    Raises:
        SubjectError: it is not one.
    """
    tokens = subject.split(".")
    if len(tokens) != 4 or tokens[0] != ACCOUNT:
        msg = f"not account.<site>.<run>.<writer>: {subject[:200]!r}"
        raise SubjectError(msg)
    return RunKey(unescape(tokens[1]), unescape(tokens[2])), parse_writer(tokens[3])


def receipt_subject(route: str, key: RunKey) -> str:
    """Return where the receipt of a run in a route is kept."""
    return ".".join((RECEIPT, escape(route), *key.tokens))


def parse_receipt_subject(subject: str) -> tuple[str, RunKey]:
    """Read a receipt's subject into its route and run.

    Raises:
        SubjectError: it is not one.
    """
    tokens = subject.split(".")
    if len(tokens) != 4 or tokens[0] != RECEIPT:
        msg = f"not receipt.<route>.<site>.<run>: {subject[:200]!r}"
        raise SubjectError(msg)
    return unescape(tokens[1]), RunKey(unescape(tokens[2]), unescape(tokens[3]))
