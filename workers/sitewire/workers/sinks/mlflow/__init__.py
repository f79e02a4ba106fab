"""MLflow: a tracking server by its URL, or an SQLite store that is written to in this process.

Lives here: the sink, what becomes of a record (``names``, ``forms``), requests within MLflow's limits (``batch``),
who makes a run (``creation``, ``job``), how far a run has come (``positions``), MLflow's own stores (``tracker``,
``rest``) and what their errors mean (``errors``). May be changed here: anything that keeps runs that were written
before going on; the tags ``sitewire.*`` are read by people and by later versions. May import: what ``sinks`` may, and
``mlflow``, ``requests`` and ``sqlalchemy`` where ``place`` brings them, since that takes seconds.
"""

from __future__ import annotations

from sitewire.workers.sinks.mlflow.options import MlflowOptions
from sitewire.workers.sinks.mlflow.sink import MlflowSink

__all__ = ["MlflowOptions", "MlflowSink"]
