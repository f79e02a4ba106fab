"""The wheel holds every module, installs, and works without the source tree."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOTS = ("schemas", "broker_config", "collectors", "workers", "deploy")
IMPORT_ALL = """
import importlib, json, sys
sys.path[:0] = sys.argv[1:3]
print(json.dumps([importlib.import_module(name).__file__ for name in sys.argv[3:]]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    return target


def _sources() -> set[str]:
    files = {file for root in ROOTS for file in (ROOT / root / "sitewire").rglob("*") if file.is_file()}
    relative = {file.relative_to(ROOT) for file in files}
    return {
        str(Path(*path.parts[1:]))
        for path in relative
        if not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    }


def test_the_wheel_holds_every_file_of_the_five_folders_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if name.startswith("sitewire/")} == _sources()
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert all(name.startswith(("sitewire/", "sitewire-")) for name in names)


def test_every_module_of_the_installed_wheel_imports_without_the_source_tree(installed: Path) -> None:
    paths = sorted(name for name in _sources() if name.endswith(".py") and not name.endswith("__main__.py"))
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in paths]
    # -S leaves out the .pth file of the development install.
    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(installed), sysconfig.get_path("purelib"), *modules]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [str(installed / path) for path in paths]


def test_every_entry_point_leads_to_a_module_that_is_there(installed: Path) -> None:
    (distribution,) = importlib.metadata.distributions(path=[str(installed)])
    points = [point for point in distribution.entry_points if point.group in {"console_scripts", "sitewire.sinks"}]
    assert {point.name for point in points} >= {"sitewire", "tensorboard", "jsonl", "null"}
    for point in points:
        place = installed / point.module.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), point.value
        assert callable(point.load())
