"""The log that a log call appends to, on disk: what it accepted survives the trainer, whatever kills it.

Lives here, one noun a module, in reading order: ``frame`` (one record's bytes), ``segment`` (a file
of frames), ``storage`` and ``filesystem`` (how bytes get there), ``slots``, ``state`` and ``cursor``
(the small facts beside the segments), ``lock``, ``identity``, ``directory`` (one writer's place),
``policy``, ``keeper`` (the thread that prepares and syncs), ``writer``; then ``line``, ``scan``, ``retention``
and ``reader``. May be changed here: anything that still reads what older versions wrote; a new
meaning of old bytes needs a new ``segment.VERSION``. May import: the standard library and
``sitewire.schemas``; it knows nothing of brokers.
"""
