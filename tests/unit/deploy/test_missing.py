"""What ``check`` warns of: the file is right, but not everything that it needs is on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitewire.deploy.cli.main import main

ROUTES = """
broker: {url: "nats://hub:4222", creds: hub.creds}
routes:
  hq: {subjects: ["metrics.>"], sink: {type: mlflow, tracking_uri: "http://h", token_file: hub.token, ca_file: ca.pem}}
  bees: {subjects: ["metrics.>"], sink: {type: wandb, dir: new, mode: online, api_key_file: key}}
"""


def check(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the warnings."""
    file = tmp_path / "sitewire.yaml"
    file.write_text(text)
    assert main(["check", "-c", str(file)]) == 0
    said = capsys.readouterr()
    assert f"{file}: valid" in said.out
    return said.err.splitlines()


def test_files_that_are_not_there_are_warnings_and_those_that_are_there_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ca.pem").touch()
    assert [line.split(" does not exist")[0] for line in check(tmp_path, ROUTES, capsys)] == [
        f"warning: broker: creds: {tmp_path / 'hub.creds'}",
        f"warning: hq: token_file: {tmp_path / 'hub.token'}",
        f"warning: bees: api_key_file: {tmp_path / 'key'}",
    ]
    for name in ("hub.creds", "hub.token", "key"):
        (tmp_path / name).touch()
    assert check(tmp_path, ROUTES, capsys) == []


def test_an_extra_that_is_not_installed_is_a_warning_that_says_how_to_install_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "sitewire_rare-1.dist-info"
    about.mkdir()
    requires = ["pydantic", 'not-there >=2 ; extra == "rare"', 'pydantic ; extra == "rare"', 'other; extra == "test"']
    lines = ["Metadata-Version: 2.1", "Name: sitewire-rare", "Version: 1", *(f"Requires-Dist: {r}" for r in requires)]
    (about / "METADATA").write_text("\n".join(lines))
    (about / "entry_points.txt").write_text("[sitewire.sinks]\nrare = sitewire.workers.sinks.null:NullSink\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = 'broker: {embedded: {}}\nroutes: {all: {subjects: ["metrics.>"], sink: {type: rare}}}\n'
    (line,) = check(tmp_path, text, capsys)
    assert line.startswith('warning: all: not-there is not installed: pip install "sitewire-rare[rare]"')
