"""What travels between a collector and a worker, and nothing else.

Lives here: records, holes, the envelope and its codec, subjects, accounts, receipts, and
their limits. May be changed here: anything that keeps the golden vectors readable; a new
meaning of old bytes needs a new ``limits.SCHEMA_VERSION``. May import: the standard library
and msgpack.

Reading order: ``record`` -> ``hole`` -> ``envelope`` -> ``subject`` -> ``codec``, which stands on
``wire`` (bytes to plain values), ``kind`` (values of each kind), ``rare`` (fields that few records
have) and ``scalars`` (the fast way, by ``column``); then ``account`` and ``receipt``, which count
what the former carried, ``dead_letter`` and ``retry`` (what could not be), ``attempt`` and ``ending`` (how a run
stands, made from its accounts), and
``asyncapi`` with ``json_schema``, which describe all of it. ``renaming``: tags by which a run gets another name.
"""
