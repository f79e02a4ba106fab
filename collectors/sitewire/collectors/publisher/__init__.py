"""From the spool to the stream: nothing is acknowledged to the spool that the broker has not stored.

Lives here: batching (``batcher``), the connection (``link``), one writer's ack loop (``drain``) and
its account (``ledger``), all writers of a spool (``collector``), and the three ways to run that: a
thread of the trainer (``thread``), beside trainers until told to stop (``sidecar``) and until nothing
is left (``sync``). May be changed here:
when and how much is sent. May import: ``sitewire.schemas``, ``sitewire.broker_config``'s
connection, the spool; never a worker.
"""
