"""How the broker is used: what streams and consumers there are, who connects how, what the config file says.

Lives here: the config file's model and loader, subject patterns, streams and durable consumers, the
nats-server configuration, the connection and its errors. May be changed here: anything that keeps
stored streams and consumers usable; names and filters of consumers are positions of routes, so a
new spelling loses them. May import: ``sitewire.schemas``, nats-py, and the
libraries of the ``[server]`` extra.

Trainers import ``names``, ``patterns``, ``errors``, ``backoff``, ``credentials`` and ``connection``: no
pydantic, no ruamel.yaml in these (a test blocks both).

Reading order: ``connection`` -> ``errors``; ``names`` -> ``patterns``; ``load`` -> ``source`` -> ``model``;
``topology`` -> ``streams``, ``consumers``; ``server``.
"""
