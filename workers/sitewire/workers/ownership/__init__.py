"""Who does which unit of work: leases in a bucket of the broker, shared fairly, taken over from the dead.

Lives here: ``lease`` (what the keys hold), ``view`` (what one look at the bucket shows, and who stands still),
``balance`` (who is to own what), ``member`` (this worker's own key), ``claim`` (a unit's key that is ours), ``tenure``
(a unit's work for as long as it is ours), ``owner`` (the loop that looks, evicts, takes and hands over), ``hints`` and
``kernel`` beside it. May be changed here: how units are shared. Never: that who is dead is said by
compare-and-set, and that a lease is counted from before its renewal was sent. May import: ``sitewire.broker_config``,
and ``errors`` and ``point`` of the workers; never a route or a sink.
"""
