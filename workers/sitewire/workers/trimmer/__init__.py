"""Makes room in the metrics stream, and knows what keeps it from doing so.

Lives here: what still needs messages (``needs``, pure), how the broker is asked for that (``reading``),
how much is to go (``policy``, pure), and the loop that purges (``trimmer``; ``retries`` for the stream of
retried records). May be changed here: when and how much. Never: that nothing goes which a route has not
committed. May import: ``sitewire.schemas``, ``sitewire.broker_config``, ``parked_run``; no other part of the worker.
"""
