"""The soak: many trainers at a steady rate for a long time, to three trackers, every process measured on the way.

Lives here: ``plan`` (who logs how much), ``rows`` (what is logged: a function of seed and step), ``trainer`` and
``launcher`` (the programs that log it), ``stage`` (the product's processes), ``processes`` and ``sampling`` (what they
use), ``visible`` (how old the newest record is that a reader sees), ``stored`` (all points of a run, one by one),
``verdict`` (these against the trainers' journals, in little memory), ``trend`` (whether something grows), ``report``
(the table) and ``soaking`` (all of it).
"""
