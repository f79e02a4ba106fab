"""From the stream to a tracker: what is acknowledged is committed, and nothing is written twice.

Lives here, in the order of a record's way: ``pull`` (messages of a durable consumer), ``arrival``
(checked envelopes), ``route`` (one partition of one route), ``run_delivery`` (the loop of one run), ``holding``
(its messages), ``plan`` (which of their indexes are next), ``writing`` (open, write, commit), ``reporting`` (its
receipt), ``worker`` (all routes); beside it ``filling`` and ``gaps`` (what is missing, and whether for ever),
``bisecting`` and ``decisions`` (what a tracker refuses), ``setting_aside`` and ``suspicions`` (what cannot be read, and
what it left missing), ``dead_letters`` (where both are kept), ``retries`` (what is sent again), ``receipts`` and
``point`` (where tests can stop the world), ``trimmer`` (makes room in the stream). Runs in
trouble: ``parking`` (who is parked), ``detour`` and ``way_back`` (read again from the stream), ``parked_run`` (as
stored); ``sinks`` at the end.
May be changed here: how work is shared and retried. Never: the order write, commit, acknowledge.
May import: ``sitewire.schemas``, ``sitewire.broker_config``; never a collector.
"""
