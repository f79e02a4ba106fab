"""The pinned files: every package with its hashes, nowhere an address, and what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
files = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def _entries(path: Path) -> list[str]:
    return path.read_text().replace("\\\n", " ").splitlines()


def _pins(path: Path) -> dict[str, list[Requirement]]:
    pins: dict[str, list[Requirement]] = {}
    for entry in _entries(path):
        requirement = Requirement(entry.split(" --hash")[0])
        pins.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return pins


def _asked(*names: str) -> list[Requirement]:
    """What the extras and groups ask for, those that they include too."""
    extras, groups = PROJECT["project"]["optional-dependencies"], PROJECT["dependency-groups"]
    found: list[Requirement] = []
    for name in names:
        for item in extras.get(name, []) + groups.get(name, []):
            if isinstance(item, dict):
                found += _asked(item["include-group"])
            elif (requirement := Requirement(item)).name == "sitewire":
                found += _asked(*requirement.extras)
            else:
                found.append(requirement)
    return found


@files
def test_each_line_is_one_version_with_its_hashes(path: Path) -> None:
    for entry in _entries(path):
        assert re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; [^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+", entry), entry[:80]


@files
def test_no_line_says_where_a_package_is_to_be_had(path: Path) -> None:
    assert not re.search(r"://|^\s*-(?!-hash)|index|find-links|@", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("name", "parts"), [("dev.txt", ("all", "dev")), ("demo.txt", ("demo", "build"))])
def test_the_pins_are_what_pyproject_asks_for(name: str, parts: tuple[str, ...]) -> None:
    pins = _pins(ROOT / "requirements" / name)
    asked = [Requirement(item) for item in PROJECT["project"]["dependencies"]] + _asked(*parts)
    for requirement in asked:
        for pin in pins[canonicalize_name(requirement.name)]:
            (version,) = (specifier.version for specifier in pin.specifier)
            assert requirement.specifier.contains(version), f"{requirement} but {pin}: run make requirements"


def test_both_files_pin_the_same_versions() -> None:
    dev, demo = (_pins(ROOT / "requirements" / name) for name in ("dev.txt", "demo.txt"))
    assert {name: list(map(str, dev[name])) for name in demo} == {name: list(map(str, demo[name])) for name in demo}
