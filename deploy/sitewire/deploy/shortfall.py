"""What ``drain`` says when nothing is on its way any more: whether that means that everything is in the tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from nats.aio.client import Client

from sitewire.broker_config.count import count_messages
from sitewire.broker_config.model import Config
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.deploy.accounting import RunRow, read_rows
from sitewire.deploy.run_state import RunState
from sitewire.schemas.dead_letter import MESSAGE, letters

NAMED = 3  # runs or sites that are named; of more the number says enough


async def read_shortfall(client: Client, config: Config) -> list[str]:
    """Return what keeps anybody from saying that everything is delivered, a sentence each; empty if nothing does.

    Raises:
        BrokerError: the broker could not be read.
    """
    rows = await read_rows(client, config)
    unread = {
        route.name: await count_messages(client, DEAD_STREAM, letters(route.name, MESSAGE)) for route in config.routes
    }
    return shortfall(rows, unread)


def shortfall(rows: Sequence[RunRow], unread: Mapping[str, int]) -> list[str]:
    """Return the sentences.

    Args:
        rows: of all runs and routes, with nothing on its way.
        unread: per route, the messages among its dead letters that could not be read.
    """
    routes = [_of_route(name, [row for row in rows if row.route == name], count) for name, count in unread.items()]
    missing = "; ".join(filter(None, routes))
    silent = sorted({row.site for row in rows if row.state is RunState.SILENT})
    found = [f"not in the tracker: {missing}; `sitewire runs` and `sitewire dlq list` show them"] if missing else []
    if silent:
        several = f"{len(silent)} sites are" if len(silent) > 1 else "1 site is"
        theirs = "their spools hold" if len(silent) > 1 else "its spool holds"
        found.append(f"{several} silent ({_some(silent)}): what {theirs} is not known here")
    return found


def _of_route(name: str, rows: Iterable[RunRow], unread: int) -> str:
    counts: Counter[str] = Counter()
    runs: list[str] = []
    for row in rows:
        missing = {"dead letters": row.dead_letters, **row.holes, "refused by the sink": row.refused}
        if any(missing.values()):
            counts.update(missing)
            runs.append(f"{row.run} of {row.site}")
    counts["messages that could not be read"] += unread
    if not any(counts.values()):
        return ""
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{name}: {said}" + (f" ({_some(runs)})" if runs else "")


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
