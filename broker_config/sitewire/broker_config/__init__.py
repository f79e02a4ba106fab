"""How the broker is used: what streams and consumers there are, who connects how, what the config file says.

Lives here: the config file's model and loader, subject patterns, streams and durable consumers, the
nats-server configuration, the connection and its errors. May be changed here: anything that keeps
stored streams and consumers usable; names and filters of consumers are positions of routes, so a
new spelling loses them. May import: ``sitewire.schemas``, nats-py, and in ``model``, ``load``,
``problem`` and ``topology`` the libraries of the ``[server]`` extra.

``names``, ``patterns``, ``errors``, ``credentials`` and ``connection`` are imported by trainers: no
pydantic, no ruamel.yaml there (a test blocks both).
"""
