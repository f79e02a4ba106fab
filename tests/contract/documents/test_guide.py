"""README and guide say what is so: their files are valid, their commands parse, their tables are complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from sitewire.broker_config.load import load_config
from sitewire.broker_config.sink_types import load_sink_type, sink_types
from sitewire.collectors.refusals import Reason
from sitewire.collectors.settings import Settings
from sitewire.collectors.spool.directory import discover
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.deploy.accounting import RunRow
from sitewire.deploy.cli.program import COMMANDS, parser
from sitewire.deploy.run_state import RunState
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind
from support.trainer import writers

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide"
PAGES = (README, *sorted(GUIDE.glob("*.md")))
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page: Path, language: str) -> list[str]:
    return [body for kind, body in _FENCE.findall(page.read_text("utf-8")) if kind == language]


def cases(language: str) -> list[object]:
    return [
        pytest.param(body, id=f"{page.name}-{number}")
        for page in PAGES
        for number, body in enumerate(fences(page, language))
    ]


def commands_of(page: Path) -> set[str]:
    text = page.read_text("utf-8")
    typed = [line for body in fences(page, "console") for line in body.splitlines()]
    return {line for line in [*typed, *re.findall(r"`(sitewire [^`]+)`", text)] if line.startswith("sitewire ")}


def first_cells(page: Path, heading: str) -> str:
    """Return the first column of the table behind a heading."""
    table = page.read_text("utf-8").split(f"\n{heading}\n", 1)[1].split("\n## ")[0]
    return "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))


def test_every_page_is_there() -> None:
    assert [page.name for page in PAGES] == [
        "README.md", "operator.md", "promises.md", "sinks.md", "syntaxes.md", "trainer.md",
    ]  # fmt: skip


@pytest.mark.parametrize("body", cases("yaml"))
def test_every_file_that_is_shown_is_valid(body: str, tmp_path: Path) -> None:
    file = tmp_path / "sitewire.yaml"
    file.write_text(body)
    assert load_config(file).routes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_parses(page: Path) -> None:
    commands = commands_of(page)
    assert commands or page.name == "sinks.md"
    for line in commands:
        try:
            parser().parse_args(shlex.split(line)[1:])
        except SystemExit:
            pytest.fail(f"{page.name}: {line}")


def test_the_table_of_commands_has_each_of_them() -> None:
    assert set(re.findall(r"`sitewire (\w+)", first_cells(README, "## Commands"))) == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []


def test_the_table_of_variables_has_each_setting() -> None:
    no_variables = {"fresh", "off", "problems"} | {"parent", "job_type", "notes"}  # of one run, not of a process
    shown = re.findall(r"`(SITEWIRE_\w+)`", first_cells(GUIDE / "trainer.md", "## The environment"))
    assert sorted(shown) == sorted(
        f"SITEWIRE_{item.name.upper()}" for item in fields(Settings) if item.name not in no_variables
    )


def test_the_table_of_refusals_has_each_reason() -> None:
    shown = first_cells(GUIDE / "trainer.md", "## What a log call refuses, and how it tells")
    assert set(re.findall(r"`(\w+)`", shown)) == {str(reason) for reason in Reason}


def test_receipts_are_explained_with_each_state_term_and_hole() -> None:
    text = (GUIDE / "operator.md").read_text("utf-8").split("## Receipts")[1].split("\n## ")[0]
    terms = {item.name for item in fields(RunRow)} - {"run", "site", "route", "state", "first_time", "last_time"}
    not_yet = {HoleName.WITHHELD}  # by an egress policy
    named = set(re.findall(r"`(\w+)`", text))
    assert {str(state) for state in RunState} <= named
    assert terms - {"refused_calls"} <= named
    assert {str(name) for name in HoleName if name not in not_yet} <= named


def test_the_table_of_sinks_has_each_with_its_keys() -> None:
    rows = (GUIDE / "sinks.md").read_text("utf-8").split("## What becomes")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", rows, re.MULTILINE))
    for name, point in sink_types().items():
        keys = re.findall(r"`(\w+)`", shown[name])
        assert keys == list(load_sink_type(point).Options.model_fields)


SHOWN = {
    "SummaryWriter": 8,  # three numbers, a text, hyperparameters with one metric, and begin and end
    "Run": 11,  # likewise, with two numbers, two params, a tag and a figure
    "mlflow": 11,  # two params, a tag, two rows of two numbers, two texts, begin and end
    "wandb": 15,  # two rows of three numbers and a text, two params, a tag, a definition, a figure, begin and end
}
"""How many records the trainers that are shown write, by what they import."""


def _import(body: str) -> str:
    return str(re.findall(r"^from sitewire\S* import (\w+)$", body, re.MULTILINE)[0])


def _trained(body: str, place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SITEWIRE_")}
    ours = {"SITEWIRE_SPOOL": str(place / "spool"), "SITEWIRE_RUN": "shown", "SITEWIRE_PUBLISH": "none"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", body],
        env={**environment, **ours, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_trainer_is_shown_in_each_syntax() -> None:
    assert {_import(body) for body in fences(GUIDE / "trainer.md", "python")} == SHOWN.keys()


@pytest.mark.parametrize("body", fences(GUIDE / "trainer.md", "python"), ids=_import)
def test_what_a_trainer_is_shown_runs_and_nothing_of_it_is_refused(body: str, tmp_path: Path) -> None:
    done = _trained(body, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (directory,) = discover(tmp_path / "spool")
    assert sum(SpoolReader(directory).assigned.values()) == SHOWN[_import(body)]


def test_the_syntax_that_authors_are_shown_logs_what_its_trainer_says(tmp_path: Path) -> None:
    module, trainer = fences(GUIDE / "syntaxes.md", "python")
    (tmp_path / "logbook.py").write_text(module)
    done = _trained(trainer, tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    (written,) = writers(tmp_path / "spool")
    (start,) = (record.value for record in written.records if record.kind is Kind.RUN_START)
    assert isinstance(start, Mapping)
    assert (written.directory.identity.run, start["name"], written.status) == ("shown", "rate 0.02", "finished")
    assert [record.name for record in written.scalars if not record.context] == ["seconds/train_one_epoch"] * 3
    numbers = [("loss", "train"), ("accuracy", "train"), ("accuracy", "validation")]
    assert [(record.epoch, record.name, record.context) for record in written.scalars if record.context] == [
        (epoch, *number) for epoch in range(3) for number in numbers
    ]
    facts = [(record.name, record.value) for record in written.records if record.kind in (Kind.PARAM, Kind.SUMMARY)]
    assert facts == [("rate", 0.02), ("batch", 8), ("best", 0.88)]


def test_the_syntax_that_authors_are_shown_counts_garbage_and_what_it_does_not_collect(tmp_path: Path) -> None:
    (tmp_path / "logbook.py").write_text(fences(GUIDE / "syntaxes.md", "python")[0])
    done = _trained(
        """
from logbook import Logbook
first, second = Logbook(), Logbook()
for garbage in (None, 5, "x", {"": 1}, [1]):
    first.on_train_begin(garbage)
    first.on_epoch_end(garbage, garbage)
    first.on_checkpoint(garbage)
try:
    second.timed(int)("no number")
except ValueError:
    second.on_train_end(garbage)
print(first._run.run, sorted(first._run.refused), second._run.run, second._run.refused)
""",
        tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout == "shown ['name', 'not_collected', 'step', 'value'] shown-2 {}\n", done.stderr


def test_a_new_kind_touches_the_files_that_authors_are_told_of() -> None:
    told = set(re.findall(r"`([^`]+)`", first_cells(GUIDE / "syntaxes.md", "## A kind of record of your own")))
    newest = list(Kind)[-1]
    assert all(re.search(rf"\b{newest}\b", (ROOT / file).read_text("utf-8"), re.IGNORECASE) for file in told)
    tables = ["schemas/sitewire", "collectors/sitewire/collectors/kinds.py", "workers/sitewire/workers/sinks/testing"]
    paths = [
        path for name in tables for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    knowing = {str(p.relative_to(ROOT)) for p in paths if f"Kind.{newest.name}" in p.read_text("utf-8")}
    assert knowing <= told


def test_the_sink_that_authors_are_shown_keeps_the_contract_by_the_tests_that_they_are_shown(tmp_path: Path) -> None:
    module, tests = fences(GUIDE / "sinks.md", "python")
    (tmp_path / "mytracker.py").write_text(module)
    (tmp_path / "test_mytracker.py").write_text(tests)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "test_mytracker.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
