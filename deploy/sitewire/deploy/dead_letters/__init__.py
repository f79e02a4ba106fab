"""Dead letters in the hands of an operator: looked at, sent again, dropped.

Lives here: ``box`` (what there is, and which of it is meant), ``ledger`` (what has been sent again, what is still
there, what a receipt has passed), ``freight`` (which letters fit into one message, and what they become in it),
``dispatch`` (sends again and drops), ``listing`` (how many of one kind). May be changed here: what people see.
Never: that the last retry's letters are deleted before the next is published, by compare-and-set. May import:
every other folder; nothing imports this one but the command line.
"""
