"""What commands say of a broker that runs and that nobody has set up, and of what a run of ``drain`` ends with."""

from __future__ import annotations

from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.deploy.cli.main import main
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, Receipt, StreamKey, encode_receipt
from sitewire.schemas.subject import receipt_subject
from support.command import at_broker, set_up
from support.stream import RUN, SCALARS, WRITER, tell

pytestmark = pytest.mark.nats

SHORT = (
    "not in the tracker: hq: 5 dead letters, 2 dropped (job of clinic); "
    "`sitewire runs` and `sitewire dlq list` show them"
)


@pytest.mark.parametrize(
    "command", [["status"], ["runs"], ["dlq", "list"], ["dlq", "show", "7"], ["dlq", "retry", "7"]], ids=" ".join
)
def test_before_anybody_has_set_up_the_broker_a_command_says_who_does(
    command: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "-c", str(file)]) == 1
    assert capsys.readouterr().err == (
        "sitewire: nothing is set up at this broker yet: start `sitewire worker` or `sitewire up`, "
        "or run `sitewire broker apply`\n"
    )


def test_drain_waits_for_a_broker_to_be_set_up_and_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain", "-c", str(file), "--timeout", "1"]) == 1
    assert "nothing is set up at this broker yet" in capsys.readouterr().err


def test_a_broker_that_lacks_one_stream_is_said_to_lack_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(file)
    at_broker(file, lambda client: ask(client, f"STREAM.DELETE.{DEAD_STREAM}"))
    assert main(["dlq", "list", "-c", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"sitewire: this broker lacks {DEAD_STREAM}: start ")


def test_a_dry_run_says_what_would_be_done_and_the_real_one_what_was(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    apply_it = ["broker", "apply", "-c", str(file)]
    assert main([*apply_it, "--dry-run"]) == 0
    would = capsys.readouterr().out.splitlines()
    assert would
    assert all(line.startswith("would create ") for line in would)
    assert main(apply_it) == 0
    assert capsys.readouterr().out.splitlines() == [line.replace("would create", "created") for line in would]


@pytest.mark.parametrize(
    ("position", "said"),
    [
        (Position(delivered=10), "everything is delivered"),
        (
            Position(delivered=3, dead_letters=5, holes={HoleName.DROPPED: 2}),
            f"nothing is on its way any more; {SHORT}",
        ),
    ],
    ids=["all", "some"],
)
def test_drain_says_that_everything_is_delivered_only_of_what_is(
    position: Position, said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def account(client: Client) -> None:
        await tell(client, {SCALARS: (10, 10, 0)}, alive=False, ended=True)
        receipt = Receipt("null:", {StreamKey(WRITER, SCALARS): position})
        await client.jetstream().publish(receipt_subject("hq", RUN), encode_receipt(receipt))

    set_up(file)
    at_broker(file, account)
    assert main(["drain", "-c", str(file), "--timeout", "10"]) == 0, "nothing is on its way"
    assert capsys.readouterr().err.splitlines()[-1] == said
