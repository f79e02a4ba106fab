"""What somebody who means harm can send, and what is made of it.

Lives here: ``nodes`` (where the values of a MessagePack message lie), ``values`` (bytes that stand for hostile values),
``mutations`` (ways to spoil a message), ``bombs`` (messages made to cost memory or time), ``originals`` (sound messages
of each sort, golden and generated), ``sorts`` (how each sort is decoded and written again) and ``campaign`` (all of it
from a seed, as a program of its own, so that its memory is its own). ``publisher`` and ``forgeries`` do the same to
a running broker. No test lives here.
"""
