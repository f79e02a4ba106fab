"""What the rows of the fault matrix are made of: real processes under load, random trouble, one account a row.

Lives here: ``stand`` (the processes of a row, by role), ``broker`` (what a stand's broker is), ``lives`` (runs whose
trainers die and go on), ``fault`` (what can happen), ``processes`` (killed, stopped, started again), ``row`` (a row,
and how it is played), ``catching_up`` (how long the trackers' readers take to show what is logged), ``stored`` (what
the broker holds, read from its stream), ``memory`` (the most that each role has held), ``books`` (our receipts against
the verdict), ``account`` (what a row has come to) and ``report`` (rows as a table for people).

May be changed here: anything; another kind of trouble is one more ``Fault``. May import: the product, what is beside
it in ``support``. The rows themselves are tests: ``tests/faults/matrix``.
"""
