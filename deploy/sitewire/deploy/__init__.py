"""The composition root: what people run.

Lives here: the command line (``cli``), the embedded broker (``broker``), broker, routes and collection
together (``stack``), the accounting that ``runs``, ``drain`` and ``status`` show (``accounting``,
``run_state``), and the demo. May be changed here: what people see. May import: every other folder;
nothing imports this one.
"""
