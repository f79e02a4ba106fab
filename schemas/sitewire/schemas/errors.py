"""What can be wrong with a name, a subject or bytes from the wire.

::

    SchemaError
    ├── NameRefused            a site or run name that no subject can hold
    ├── RecordRefused          a record that no envelope can hold
    ├── SubjectError           not a subject of ours, or not written canonically
    └── EnvelopeError          bytes that are not an envelope (all of them permanent)
        ├── EnvelopeTooLarge   refused before it is decoded
        ├── UnknownVersion     a schema version that this build does not read
        └── MalformedEnvelope  anything else: truncated, mistyped, inconsistent
"""

from __future__ import annotations

from sitewire.schemas import limits


class SchemaError(Exception):
    """Base of everything that this folder raises."""


class NameRefused(SchemaError, ValueError):
    """A site or run name is empty, too long, or not text that UTF-8 can hold."""


class RecordRefused(SchemaError, ValueError):
    """A record's name, value, time or step is mistyped, out of its range or too large."""


class SubjectError(SchemaError, ValueError):
    """A subject has the wrong number of tokens, an unknown class or a non-canonical escape."""


class EnvelopeError(SchemaError, ValueError):
    """Bytes that cannot be read as an envelope, an account or a receipt; sending them again cannot help."""


class EnvelopeTooLarge(EnvelopeError):
    """The bytes exceed their limit.

    Attributes:
        size: bytes received.
        limit: bytes allowed.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"{size} bytes, {limit} are allowed")
        self.size = size
        self.limit = limit


class UnknownVersion(EnvelopeError):
    """The schema version is not one that this build reads.

    Attributes:
        version: what stood in the version field, as it was decoded.
    """

    def __init__(self, version: object) -> None:
        # A hostile version may be nested deeper than repr can go.
        shown = str(version) if type(version) is int else f"of type {type(version).__name__}"
        super().__init__(f"schema version {shown} is unknown; this build reads version {limits.SCHEMA_VERSION}")
        self.version = version


class MalformedEnvelope(EnvelopeError):
    """The bytes are not MessagePack, or a field is missing, mistyped or out of its range."""
