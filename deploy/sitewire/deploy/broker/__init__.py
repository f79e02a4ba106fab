"""The embedded broker: a nats-server that we start, watch and stop.

Lives here: the binary, the store's lock, the port, the process and its supervision. May be changed
here: anything but the name of the lock file, which older versions look for. May import:
``sitewire.broker_config``, ``sitewire.deploy.errors`` and the standard library.

Reading order: ``embedded`` (what callers use), ``store_lock``, ``process``, ``binary``, ``holders``.
"""
