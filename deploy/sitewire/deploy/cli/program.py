"""The program: parse, run, and turn what went wrong into words and an exit code.

Exit codes: 0 done, 1 something is still on its way, is not there, or is not possible now, 2 usage, 78 bad
configuration (``EX_CONFIG``), 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from sitewire.broker_config.errors import BrokerError, BrokerUnreachable, ConfigInvalid
from sitewire.deploy.cli.logs import set_up_logging
from sitewire.deploy.errors import DeployError

DONE: Final = 0
NOT_DELIVERED: Final = 1
USAGE: Final = 2
BAD_CONFIG: Final = 78
INTERRUPTED: Final = 130

COMMANDS: Final = (
    "demo",
    "up",
    "broker",
    "worker",
    "collect",
    "sync",
    "drain",
    "check",
    "runs",
    "status",
    "tail",
    "dlq",
    "schema",
)
_SERVER_LIBRARIES: Final = frozenset({"pydantic", "pydantic_core", "ruamel", "ruamel.yaml", "rich"})


def run(options: argparse.Namespace) -> int:  # noqa: PLR0911  one for each way to end
    """Run the command that was parsed and return its exit code."""
    try:
        set_up_logging(logging.DEBUG if options.verbose else logging.INFO)
        code: int = options.run(options)
    except ConfigInvalid as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG
    except BrokerUnreachable as error:
        return _fail(f"{error}; is the broker running? `sitewire up` and `sitewire broker` start an embedded one")
    except (BrokerError, DeployError) as error:
        return _fail(str(error))
    except BaseExceptionGroup as group:
        return _fail_group(group)
    except ModuleNotFoundError as error:
        if error.name not in _SERVER_LIBRARIES:
            raise
        return _fail(f'{error.name} is not installed; install it with: pip install "sitewire[server]"')
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone: `sitewire tail | head`
        sys.stderr.close()
        return DONE
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser with every command."""
    top = argparse.ArgumentParser(
        prog="sitewire",
        description="Experiment tracking for training that happens in many places at once.",
        epilog="Begin with: sitewire demo",
    )
    top.add_argument("--version", action="version", version=f"sitewire {version('sitewire')}")
    top.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"sitewire.deploy.cli.{name}").add(commands)
    return top


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace | None:
    """Return what was asked for; None, with the help on standard error, if it is no command."""
    top = parser()
    options = top.parse_args(arguments)
    if "run" in options:
        return options
    top.print_help(sys.stderr)
    return None


def _fail_group(group: BaseExceptionGroup[BaseException]) -> int:
    """Say the first expected error of a task group; an unexpected one is a defect and shows its traceback."""
    from sitewire.workers.errors import WorkerError

    expected, others = group.split((BrokerError, DeployError, WorkerError))
    if others is not None or expected is None:
        raise group
    error: BaseException = expected
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return _fail(str(error))


def _fail(message: str) -> int:
    print(f"sitewire: {message}", file=sys.stderr)
    return NOT_DELIVERED
