"""Answers to the client's queries, by the name of the operation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from support.wandb.standin.runs import EVENTS, HISTORY, OUTPUT, ServedRun, ServedRuns

Variables: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Callable[["Queries", Variables], Any]


class Queries:
    """What the service says of its runs.

    Attributes:
        runs: what it keeps.
        entity: whose they are.
        url: where files are uploaded to.
    """

    def __init__(self, runs: ServedRuns, entity: str, url: str) -> None:
        self.runs = runs
        self.entity = entity
        self.url = url

    def answer(self, operation: str, variables: Variables) -> dict[str, Any]:
        """Return the body of an answer; of an operation that the stand-in does not know, an error as GraphQL has it."""
        known = _ANSWERS.get(operation)
        if known is None:
            return {"errors": [{"message": f"the stand-in does not know {operation}"}], "data": None}
        return {"data": known(self, variables)}

    def features(self, _: Variables) -> Any:
        return {"serverInfo": {"features": []}}

    def viewer(self, _: Variables) -> Any:
        teams = {"edges": [{"node": {"name": self.entity}}]}
        viewer = {"id": "viewer", "entity": self.entity, "username": "somebody", "email": "somebody@example.org"}
        return {"viewer": viewer | {"flags": "{}", "teams": teams}}

    def resume_status(self, variables: Variables) -> Any:
        project = variables["project"]
        with self.runs.guard:
            run = self.runs.get(project, variables["name"])
            bucket = None if run is None else _bucket_of(run)
        return {"model": {"id": project, "name": project, "entity": self._entity, "bucket": bucket}}

    def upsert(self, variables: Variables) -> Any:
        project = variables["project"] or "uncategorized"
        with self.runs.guard:
            run, new = self.runs.upsert(project, variables["name"], variables)
            bucket = {
                "id": _id_of(run),
                "name": run.name,
                "displayName": run.display_name,
                "description": "",
                "config": json.dumps(run.config),
                "sweepName": None,
                "project": {"id": project, "name": project, "entity": self._entity},
                "historyLineCount": run.count(HISTORY),
            }
        return {"upsertBucket": {"bucket": bucket, "inserted": new}}

    def create_files(self, variables: Variables) -> Any:
        where = f"{self.url}/upload/{variables['project']}/{variables['run']}"
        files = [{"name": name, "uploadUrl": f"{where}/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    @property
    def _entity(self) -> dict[str, str]:
        return {"id": self.entity, "name": self.entity}


def _id_of(run: ServedRun) -> str:
    return f"{run.project}:{run.name}"


def _bucket_of(run: ServedRun) -> dict[str, Any]:
    mine = run.config.get("_wandb", {}).get("value", {})
    return {
        "id": _id_of(run),
        "name": run.name,
        "displayName": run.display_name,
        "summaryMetrics": json.dumps(run.summary),
        "logLineCount": run.count(OUTPUT),
        "historyLineCount": run.count(HISTORY),
        "eventsLineCount": run.count(EVENTS),
        "historyTail": json.dumps(run.tail(HISTORY, 1)),
        "eventsTail": json.dumps(run.tail(EVENTS, 1)),
        "config": json.dumps(run.config),
        "tags": run.tags,
        "notes": run.notes,
        "wandbConfig": json.dumps({"t": mine.get("t", {})}),
    }


_ANSWERS: Final[Mapping[str, Answer]] = {
    "ServerFeaturesQuery": Queries.features,
    "Viewer": Queries.viewer,
    "RunResumeStatus": Queries.resume_status,
    "UpsertBucket": Queries.upsert,
    "CreateRunFiles": Queries.create_files,
}
