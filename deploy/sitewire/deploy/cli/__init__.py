"""The command line: one module a command, each with ``add`` (its arguments) and ``run`` (exit code).

A command imports what it needs when it runs, so that ``sync`` works beside a trainer with none of the
server's libraries installed.
"""
