"""A spool in trouble: what a process did to it, what it has to hold afterwards, and how the trouble is made.

``calls`` stands between a process and the disk, and numbers the moments before, in the middle of and behind
each system call; ``tape`` outlives the process that wrote it; ``truth`` is the model, which says what a reader
must find; ``child`` is a process that may die; ``scenes`` are what is played with the trouble.
"""
