"""Bounds that both ends keep. Sizes are bytes of UTF-8 or of MessagePack unless said otherwise."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1

MAX_NAME_CHARACTERS: Final = 64
"""Of a site or run name, in characters (code points)."""

MAX_TOKEN_BYTES: Final = 200
"""Of an escaped name; keeps a whole subject far below the server's 4 KiB control line."""

MAX_EXPERIMENT_BYTES: Final = 256
MAX_RECORD_NAME_BYTES: Final = 1024
"""Longer than any tracker takes (MLflow: 250 characters); a sink says what it refuses."""

MAX_RECORD_BYTES: Final = 256 * 1024
"""One packed record. A larger value is refused in the log call."""

MAX_ENVELOPE_BYTES: Final = 512 * 1024
"""Half of the server's default payload limit of 1 MiB."""

ENVELOPE_TARGET_BYTES: Final = 64 * 1024
"""A publisher closes an envelope once it is this large: 32 to 64 kB carry the most points a second (measured)."""

MAX_ENVELOPE_RECORDS: Final = 4096
MAX_ENVELOPE_HOLES: Final = 1024

MAX_ITEMS: Final = 4096
"""Of any one array or map, since a decoder allocates what a header announces: records, params of ``hparams``."""

MAX_INDEX: Final = 2**62
"""Indexes and counts stay below this, so that sums fit a signed 64-bit integer."""

MIN_STEP: Final = -(2**63)
MAX_STEP: Final = 2**63 - 1
"""A step is a signed 64-bit integer in TensorBoard, MLflow and W&B alike."""

MAX_TIME: Final = 253402300800.0
"""Seconds since the epoch, exclusive: the year 10000, where trackers' date types end."""

MAX_STATE_BYTES: Final = 512 * 1024
"""Of an account, and of a receipt in its plain form."""

MAX_RECEIPT_BYTES: Final = 960 * 1024
"""Of a receipt in any form: the server's default payload limit of 1 MiB, less some room for headers."""

MAX_POSITIONS: Final = 32768
"""Of a receipt: writers times classes. Each DataLoader worker of each epoch can be a writer.

Of writers with one class about 28,000 fit into ``MAX_RECEIPT_BYTES``.
"""

WRITER_BYTES: Final = 16
"""A writer's identity: 128 random bits."""

RETRY_PREFIX: Final = "0000000"
"""How the identity of a retry's writer begins, followed by 0 (records) or 1 (messages). No collector's does."""

MAX_REASON_BYTES: Final = 1000
"""Of the words that say why something was refused; a tracker can answer with a whole page."""

MAX_SINK_BYTES: Final = 4352
"""Of a sink's identity in a letter: its type and an absolute path."""

MAX_SUBJECT_BYTES: Final = 4096
"""Of a subject: the server's control line."""

MAX_LETTER_BYTES: Final = MAX_ENVELOPE_BYTES + 16 * 1024
"""A dead letter: a message of at most an envelope's size, and what is to be said of it."""

MAX_RETRY_LETTERS: Final = 100
"""Letters in one message of a retry: their names have to fit beside the envelope."""

MAX_RETRY_BYTES: Final = MAX_ENVELOPE_BYTES + 128 * 1024
