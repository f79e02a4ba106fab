"""Arguments over variables over defaults; a bad variable never raises, a bad argument always does."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from sitewire.collectors import Run
from sitewire.collectors.errors import SettingsInvalid
from sitewire.collectors.settings import Settings, resolve


def _from(**variables: str) -> Settings:
    return resolve(environ={"SITEWIRE_" + name: value for name, value in variables.items()})


def test_defaults_are_those_of_the_design(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "node-7")
    found = _from()
    assert (found.site, found.experiment, found.url, found.publish) == ("node-7", "default", None, "thread")
    assert (found.exit_timeout, found.spool, found.disabled) == (5.0, tmp_path / "home/.sitewire/spool", False)
    assert (found.fresh, found.off, found.problems) == (True, None, ())


def test_an_unnamed_run_keeps_one_id_for_the_whole_process() -> None:
    assert _from().run == _from().run


def test_arguments_win_over_variables_over_defaults() -> None:
    found = resolve({"site": "a", "run": None}, {"SITEWIRE_SITE": "b", "SITEWIRE_RUN": "r"})
    assert (found.site, found.run, found.experiment, found.fresh) == ("a", "r", "default", False)


def test_every_variable_is_read(tmp_path: Path) -> None:
    found = _from(
        URL="tls://hub:4222", SITE="Klinik Süd", RUN="..", EXPERIMENT="x", CREDS=f"{tmp_path}/c", CA=f"{tmp_path}/ca",
        SPOOL=f"{tmp_path}/s", PUBLISH="none", EXIT_TIMEOUT="0.5", SPOOL_BYTES="4194304", SPOOL_POLICY="block",
        DISABLED="yes", NAME="lr 0.1", GROUP="sweep", JOB="slurm-17",
    )  # fmt: skip
    assert (found.name, found.group, found.job) == ("lr 0.1", "sweep", "slurm-17")
    assert (found.url, found.site, found.run, found.experiment) == ("tls://hub:4222", "Klinik Süd", "..", "x")
    assert (found.creds, found.ca, found.spool) == (tmp_path / "c", tmp_path / "ca", tmp_path / "s")
    assert (found.publish, found.exit_timeout, found.spool_bytes) == ("none", 0.5, 4194304)
    assert (found.spool_policy, found.disabled, found.problems) == ("block", True, ())


def test_what_concerns_one_run_has_no_variable_and_empty_text_is_none() -> None:
    found = _from(PARENT="p", JOB_TYPE="t", NOTES="n", NAME="", GROUP="", JOB="")
    assert (found.parent, found.job_type, found.notes, found.name, found.group, found.job) == (None,) * 6
    given = resolve({"parent": "p", "job_type": "", "notes": "# n", "name": "x"}, {"SITEWIRE_NAME": "y"})
    assert (given.parent, given.job_type, given.notes, given.name) == ("p", None, "# n", "x")


@pytest.mark.parametrize(
    "wrong", [{"parent": "x" * 65}, {"name": 5}, {"notes": "x" * 65_537}, {"job": "\udc80"}, {"group": "g" * 1025}]
)
def test_a_wrong_word_about_a_run_raises_where_the_run_is_made(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsInvalid, match=next(iter(wrong))):
        resolve(wrong)


@pytest.mark.parametrize(
    ("variable", "value", "instead"),
    [
        ("URL", "http://hub", "records wait in the spool"),
        ("URL", "nats://", "records wait in the spool"),
        ("URL", "nats://hub:99999", "records wait in the spool"),
        ("EXPERIMENT", "", "using 'default'"),
        ("EXPERIMENT", "e" * 257, "using 'default'"),
        ("NAME", "n" * 1025, "leaving the run's name to the tracker"),
        ("GROUP", "\udc80", "leaving the run without a group"),
        ("JOB", "j" * 1025, "leaving the job unsaid"),
        ("CREDS", "\0", "connecting without credentials"),
        ("CA", "\udc80", "trusting the system's authorities"),
        ("SPOOL", "\0", "using ~/.sitewire/spool"),
        ("SPOOL", "~nobody-of-this-name/x", "using ~/.sitewire/spool"),
        ("PUBLISH", "process", "using 'thread'"),
        ("EXIT_TIMEOUT", "soon", "using 5.0"),
        ("EXIT_TIMEOUT", "-1", "using 5.0"),
        ("EXIT_TIMEOUT", "nan", "using 5.0"),
        ("EXIT_TIMEOUT", "1e9", "using 5.0"),
        ("SPOOL_BYTES", "10", "using 1073741824"),
        ("SPOOL_BYTES", "1GB", "using 1073741824"),
        ("SPOOL_POLICY", "drop", "using 'drop_oldest'"),
        ("DISABLED", "perhaps", "using False"),
    ],
)
def test_a_bad_variable_is_reported_with_what_is_used_instead(variable: str, value: str, instead: str) -> None:
    found = _from(**{variable: value})
    assert found.off is None
    (problem,) = found.problems
    assert problem.startswith(f"SITEWIRE_{variable}: ")
    assert problem.endswith(f"; {instead}")
    assert "literal" not in problem  # Python's words for its own functions
    assert "convert" not in problem


@pytest.mark.parametrize("variable", ["SITE", "RUN"])
@pytest.mark.parametrize("value", ["", "x" * 10_000, "a\nb", "a\0b", "\x7f", "\udc80", "é" * 40])
def test_an_unusable_site_or_run_switches_sitewire_off(variable: str, value: str) -> None:
    found = _from(**{variable: value})
    assert found.off is not None
    assert found.off.startswith(f"SITEWIRE_{variable}: ")
    assert "OFF" in found.off
    assert not found.collects


def test_a_host_name_that_cannot_be_a_site_switches_sitewire_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "h" * 65)
    assert "set SITEWIRE_SITE" in str(_from().off)


def test_a_user_without_a_home_gets_a_spool_and_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: Path) -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    monkeypatch.setattr(Path, "expanduser", homeless)
    found = _from()
    assert found.spool.is_absolute()
    assert "set SITEWIRE_SPOOL" in found.problems[0]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("site", ""), ("site", 3), ("run", "a\tb"), ("experiment", ""), ("url", "hub:4222"), ("creds", 5), ("ca", b"x"),
        ("spool", "\0"), ("publish", "yes"), ("exit_timeout", -1), ("exit_timeout", "x"), ("spool_bytes", 1.5),
        ("spool_policy", None.__class__), ("disabled", "perhaps"),
    ],
)  # fmt: skip
def test_a_bad_argument_raises_where_the_run_is_made(argument: str, value: object) -> None:
    with pytest.raises(SettingsInvalid, match=f"^{argument}: "):
        resolve({argument: value}, {})


def test_passwords_show_neither_in_the_repr_nor_in_a_problem() -> None:
    assert "secret" not in repr(_from(URL="nats://me:secret@hub:4222"))
    (problem,) = _from(URL="nats://me:secret@hub:99999").problems
    assert "secret" not in problem


def test_problems_are_told_once_and_a_run_that_is_off_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    monkeypatch.setenv("SITEWIRE_SITE", "bad\nsite")
    monkeypatch.setenv("SITEWIRE_PUBLISH", "perhaps")
    for _ in range(2):
        run = Run(spool=spool)
        run.log_scalar("loss", 1.0)
        run.log({"a": 1}, step=1)
        run.log_text("t", "x")
        assert run.refused == {"off": 3}
    # Once for the process; once for each run's first refused call.
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    assert sum("SITEWIRE_PUBLISH" in record.getMessage() for record in caplog.records) == 1
    assert not spool.exists()


def test_a_disabled_run_does_nothing_and_says_nothing(caplog: pytest.LogCaptureFixture, spool: Path) -> None:
    with Run(spool=spool, disabled=True) as run:
        run.log_scalar("loss", 1.0)
        run.log({"a": object()})  # type: ignore[dict-item]  # not even looked at
        assert run.refused == {}
        assert run.flush(0) is False
    assert not spool.exists()
    assert not caplog.records
