"""From the stream to a tracker: what is acknowledged is committed, and nothing is written twice.

Lives here, in the order of a record's way: ``pull`` (messages of a durable consumer), ``arrival``
(checked envelopes), ``plan`` (which of their indexes are next), ``run_delivery`` (one run's writes,
commits and acknowledgements), ``route`` (one partition of one route), ``worker`` (all of them);
beside it ``gaps`` (what is missing, and whether for ever) and ``receipts``; ``sinks`` at the end.
May be changed here: how work is shared and retried. Never: the order write, commit, acknowledge.
May import: ``sitewire.schemas``, ``sitewire.broker_config``; never a collector.
"""
