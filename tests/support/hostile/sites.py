"""A broker of which every site has credentials of its own, as the operator's guide says, and the product beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sitewire.schemas.subject import escape
from support.nats import NatsServer
from support.product import Site

CONFIG: Final = """\
broker: {{url: "nats://worker:worker@127.0.0.1:{port}"}}
routes:
  curves:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
  lines:
    subjects: ["metrics.*.*.>"]
    sink: {{type: jsonl, dir: lines}}
  nothing:
    subjects: ["metrics.*.*.>"]
    sink: {{type: "null"}}
"""
ROUTES: Final = ("curves", "lines", "nothing")

_USER: Final = """\
  {{ user: "{name}", password: "{name}", permissions: {{
      publish: ["metrics.{token}.*.*.*", "account.{token}.*.*"], subscribe: ["_INBOX.>"] }} }}"""


class GuardedSite(Site):
    """A folder with a config file, and a broker that asks who comes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CONFIG)
        self.port = int(self.url.rpartition(":")[2])

    def url_of(self, name: str) -> str:
        """Return the broker's URL with the credentials of a site, or of ``worker``, who may do anything."""
        return f"nats://{name}:{name}@127.0.0.1:{self.port}"


@contextmanager
def guarded(folder: Path, names: list[str]) -> Iterator[GuardedSite]:
    """Start such a broker for sites of these names, with its streams; all ends with the block."""
    users = [_USER.format(name=name, token=escape(name)) for name in names]
    users.append('  { user: "worker", password: "worker" }')
    more = "authorization { users: [\n" + ",\n".join(users) + "\n] }"
    site = GuardedSite(folder)
    server = NatsServer(folder / "nats", more)
    server.port = site.port
    server.start()
    try:
        applied = site.run("broker", "apply")
        assert applied.returncode == 0, applied.stderr
        yield site
    finally:
        site.end()
        server.kill()
