"""The checker: runs the product's processes, kills or stops them at a named point, and gives a verdict.

Lives here: ``scene`` (a broker, workers that come and go), ``load`` (trainers, live readers, and what became of every
point), ``tracker``, ``mlflow_tracker`` and ``wandb_tracker`` (what is at a route's end, and its own reader), ``case``,
``draining`` and ``trouble`` (what happens), ``way`` and ``inside`` (the points on the way into a tracker), ``trap``
(where the next process that gets there dies or stops), ``program`` (the product's command in a process with a trap) and
``guards`` (what such a process can do without, to see that the checker notices). Beside it, for all tests:
``support.product``, ``support.live``, ``support.verdict``, ``support.points``.

May be changed here: anything; another tracker is one more ``Tracker``. May import: the product, whose points,
constants and guards it knows by name.
"""
