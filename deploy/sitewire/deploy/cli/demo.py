"""``sitewire demo``: federated training of a real model, with everything around it."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from sitewire.deploy.cli.arguments import Commands, command

_MAX_SITES = 64
_MISSING = 1
_TRACKERS = ("mlflow", "tensorboardX", "wandb")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "demo",
        "train a model at several sites at once, in four syntaxes; to MLflow, TensorBoard and W&B, with receipts",
        "sitewire demo --sites 4 --alpha 0.1",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("sitewire-demo"),
        metavar="DIR",
        help="for all results (default: sitewire-demo)",
    )
    parser.add_argument("--sites", type=_count(_MAX_SITES), default=8, metavar="N", help="each a process (default: 8)")
    parser.add_argument("--rounds", type=_count(1000), default=5, metavar="N", help="of averaging (default: 5)")
    parser.add_argument(
        "--alpha",
        type=_positive,
        default=0.5,
        metavar="A",
        help="0.1: labels lie very unevenly; 100: evenly (default: 0.5)",
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="of everything random (default: 0)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run it; 0 when everything that was logged is where it belongs."""
    missing = next((name for name in _TRACKERS if find_spec(name) is None), None)
    if missing is not None:  # they are imported late, where their routes would wait for them
        return _lacks(missing)
    try:
        from sitewire.deploy.demo.main import demo
        from sitewire.deploy.demo.plan import Plan
    except ModuleNotFoundError as error:
        if (error.name or "sitewire").startswith("sitewire"):
            raise
        return _lacks(error.name)
    import asyncio

    if not options.verbose:
        logging.getLogger("sitewire").setLevel(logging.WARNING)  # what goes well is shown, not logged
    plan = Plan(sites=options.sites, rounds=options.rounds, alpha=options.alpha, seed=options.seed)
    return asyncio.run(demo(plan, options.out))


def _lacks(library: str | None) -> int:
    what = (library or "a library").partition(".")[0]
    print(f'sitewire: {what} is not installed; pip install "sitewire[demo]"', file=sys.stderr)
    return _MISSING


def _count(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            msg = f"a number from 1 to {most}, not {text!r}"
            raise argparse.ArgumentTypeError(msg)
        return int(text)

    return read


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        msg = f"a number that is not negative, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1e-3 <= value <= 1e6:
        msg = f"a number from 0.001 to 1000000, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value
