"""What somebody who means harm can send or leave behind, and what is made of it.

Lives here: ``nodes`` (where the values of a MessagePack message lie), ``values`` (bytes that stand for hostile values),
``mutations`` and ``texts`` (ways to spoil a message, or a text), ``bombs`` (messages made to cost memory or time),
``originals`` (sound messages of each sort, golden and generated), ``sorts`` (how each is decoded and written again),
``campaign`` (all of it from a seed, as a program of its own, so that its memory is its own), ``reading_configs`` (the
same for config files) and ``keepers`` (what is read back from buckets, trackers and spools). For a running broker:
``sites`` (one that asks who comes), ``forgeries`` and ``floods`` (sound bytes that lie, or are too many), ``publisher``
(who sends them) and ``aftermath`` (what they left). ``seed``: of all. No test lives here.
"""
