"""One namespace over five source roots: what keeps it one, and what a stranger's checkout may not show."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOTS = ("schemas", "broker_config", "collectors", "workers", "deploy")
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
# Written in pieces, so that this file does not name them.
_HOMES = ("wor" + "k", "hom" + "e", "roo" + "t", "User" + "s")
_MACHINE_PATH = re.compile(rf"(?<![\w.~}}-])/(?:{'|'.join(_HOMES)})/\w")
_REGISTRY = re.compile("|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.", "/sim" + r"ple\b")))


@pytest.mark.parametrize("root", ROOTS)
def test_no_file_closes_the_namespace(root: str) -> None:
    assert [path.name for path in (ROOT / root / "sitewire").iterdir() if path.name != "__pycache__"] == [root]


@pytest.mark.parametrize("root", ROOTS)
def test_each_portion_says_that_it_is_typed(root: str) -> None:
    assert (ROOT / root / "sitewire" / root / "py.typed").is_file()


@pytest.mark.parametrize("root", ROOTS)
def test_each_folder_says_what_lives_there(root: str) -> None:
    folders = {path.parent for path in (ROOT / root / "sitewire").rglob("*.py")}
    for folder in folders:
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert docstring, f"{folder / '__init__.py'} has no docstring"


def test_no_tracked_file_names_a_registry_or_a_place_on_somebodys_machine() -> None:
    found = [
        f"{name}: {match[0]}"
        for name in TRACKED
        if (path := ROOT / name).is_file()
        for match in [pattern.search(path.read_text(errors="replace")) for pattern in (_MACHINE_PATH, _REGISTRY)]
        if match
    ]
    assert found == []


@pytest.mark.parametrize("text", ["cd /wor" + "k/main", '"/hom' + 'e/me/x"', "https://py" + "pi.org/x"])
def test_the_search_for_such_names_finds_them(text: str) -> None:
    assert _MACHINE_PATH.search(text) or _REGISTRY.search(text)


def test_no_module_is_called_utils() -> None:
    assert [name for name in TRACKED if Path(name).stem in {"utils", "util", "helpers", "common"}] == []


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    shown = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert re.findall(r"^  make ([a-z]+)", shown, re.MULTILINE) == phony[1].split()
