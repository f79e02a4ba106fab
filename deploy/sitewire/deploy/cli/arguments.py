"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TypeAlias

from sitewire.broker_config.connection import Endpoint, check_url

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  it has no public name


def command(commands: Commands, name: str, help_text: str, example: str) -> argparse.ArgumentParser:
    """Add a command whose help ends in an example."""
    return commands.add_parser(
        name,
        help=help_text,
        description=help_text[0].upper() + help_text[1:] + ".",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``."""
    parser.add_argument(
        "-c", "--config", type=Path, default=Path("sitewire.yaml"), metavar="FILE", help="default: sitewire.yaml"
    )


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which broker a command beside a trainer publishes to."""
    parser.add_argument(
        "--url",
        default=os.environ.get("SITEWIRE_URL"),
        help="the broker; of a cluster several, with commas (default: SITEWIRE_URL)",
    )
    parser.add_argument(
        "--creds", type=Path, default=environ_path("SITEWIRE_CREDS"), help="credentials (default: SITEWIRE_CREDS)"
    )
    parser.add_argument(
        "--ca", type=Path, default=environ_path("SITEWIRE_CA"), help="certificate authority (default: SITEWIRE_CA)"
    )


def endpoint_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Endpoint:
    """Return the broker of ``add_endpoint``; end with the usage if there is none.

    Raises:
        Misuse: it is no URL of a broker.
    """
    if options.url is None:
        parser.error("which broker? Give --url or set SITEWIRE_URL")
    check_url(options.url)
    return Endpoint(options.url, options.creds, options.ca)


def environ_path(variable: str) -> Path | None:
    """Return the path that an environment variable holds, if it holds one."""
    return Path(os.environ[variable]) if os.environ.get(variable) else None


def add_timeout(parser: argparse.ArgumentParser, default: float) -> None:
    """Add ``--timeout S``."""
    parser.add_argument(
        "--timeout", type=seconds, default=default, metavar="S", help=f"seconds at most (default: {default:g})"
    )


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        msg = "a positive number of seconds"
        raise argparse.ArgumentTypeError(msg)
    return value
