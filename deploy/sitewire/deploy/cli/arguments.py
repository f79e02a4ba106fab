"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TypeAlias

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
