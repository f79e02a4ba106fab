"""A stand-in for the W&B service: enough of its public endpoints for the real client, end to end.

It was made from watching the client (wandb 0.31): online runs, resuming, ``finish`` and ``wandb sync``. It is not W&B.
A test that passes here says what the *client* does, and that W&B would have to behave otherwise than below for us to
be wrong.

What is known, as the client relies on it:

- GraphQL at ``/graphql``: ``ServerFeaturesQuery``, ``Viewer``, ``RunResumeStatus``, ``UpsertBucket``,
  ``CreateRunFiles``.
- ``POST /files/<entity>/<project>/<run>/file_stream``: for each file an offset in lines and the lines; those that are
  there are overwritten. ``complete`` and ``exitcode`` end the run. An empty request is a sign of life.
- The client takes the offset of its first line from ``historyLineCount``: of the resume status with
  ``resume="allow"``, of the answer to ``UpsertBucket`` otherwise (``wandb sync`` of a second segment). The last step is
  ``_step`` of the last line of ``historyTail``.
- Files go to addresses that ``CreateRunFiles`` gives, by ``PUT``.

What is assumed: a config is replaced by the one that comes, other fields keep their value when none comes; a run is
``running`` from its ``UpsertBucket`` on, ``finished`` or ``failed`` by its exit code, ``crashed`` when nothing was
heard of it for five minutes; a refusal has a JSON body. Limits of size and rate, sampled history, teams and artifacts
do not exist here.

May import: the standard library only, so that any test and any process of one can start it.
"""

from __future__ import annotations

from support.wandb.standin.faults import Fault, Faults, Where
from support.wandb.standin.runs import ServedRun, ServedRuns
from support.wandb.standin.server import API_KEY, ENTITY, StandIn

__all__ = ["API_KEY", "ENTITY", "Fault", "Faults", "ServedRun", "ServedRuns", "StandIn", "Where"]
