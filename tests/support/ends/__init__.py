"""The trainer's end: programs that end in every way there is, with a broker in every state, in every syntax.

Lives here: ``ledger`` (what a trial's processes and threads logged, exact whenever they die), ``syntaxes`` (a log call
in each syntax, and none at all), ``script`` (what an ending is told), ``ending``, ``endings``, ``endings_processes``
and ``endings_torch`` (the endings), ``program`` (the trial's program), ``trial`` (a trial and what came of it),
``playing`` (how it is run and timed), ``broker`` (the states of the broker), ``judging`` (against the same program that
logs nothing, and against what has arrived) and ``campaign`` (many trials beside each other).
"""
