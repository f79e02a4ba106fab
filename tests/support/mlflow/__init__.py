"""MLflow for tests: a real ``mlflow server`` on SQLite or PostgreSQL, and what it holds, read by SQL.

Lives here: ``server`` (the server as a process that can be killed, stopped and started again), ``postgres`` (a database
server out of a wheel), ``reader`` (experiments and runs as MLflow's tables and artifact folder have them), ``contents``
(what a run should hold of records), ``trap`` (where a server dies between two steps of a request), ``proxy`` (what
stands before a server) and ``owners`` (sinks of one place). All of them work in fixtures and in plain programs:
``with mlflow_server(folder) as server: ...``.
"""
