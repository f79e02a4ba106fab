"""Which run ``init`` returns, and what is said of it."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from absl import flags

from sitewire.collectors import wandb
from sitewire.collectors.wandb.errors import ConfigError, Error, UsageError
from sitewire.schemas.record import Kind
from support.trainer import records, writers


def _start(spool: Path) -> Mapping[str, object]:
    (start,) = records(spool, Kind.RUN_START)
    assert isinstance(start.value, Mapping)
    return start.value


def _current() -> wandb.Run | None:
    return wandb.run


def test_what_init_is_given_is_said_of_the_run(spool: Path) -> None:
    with wandb.init(
        "team", "digits", name="first", notes="**warm**", tags=["baseline", "cpu"], config={"rate": 0.1},
        group="folds", job_type="train",
    ) as run:  # fmt: skip
        run.log({"loss": 0.5})
    said = _start(spool)
    expected = {"experiment": "digits", "name": "first", "notes": "**warm**", "group": "folds", "job_type": "train"}
    assert {key: said[key] for key in expected} == expected
    assert [(r.name, r.value) for r in records(spool, Kind.TAG)] == [("baseline", ""), ("cpu", "")]
    assert [(r.name, r.value) for r in records(spool, Kind.PARAM)] == [("rate", 0.1)]
    assert (run.entity, run.project, run.path) == ("team", "digits", "team/digits/job")
    assert (run.id, run.name, run.notes, run.tags) == ("job", "first", "**warm**", ("baseline", "cpu"))
    assert (run.group, run.job_type, run.mode, run.offline, run.disabled) == ("folds", "train", "online", False, False)
    assert (run.url, run.project_url, run.sweep_id, run.sweep_url) == (None,) * 4
    assert (run.resumed, run.starting_step) == (False, 0)
    assert (run.settings.run_group, run.settings.x_stats_interval) == ("folds", None)


def test_a_run_that_nobody_named_has_its_id_for_a_name_and_says_none(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"loss": 0.5})
    assert run.name == "job"
    assert _start(spool).keys().isdisjoint({"name", "notes", "group", "job_type"})
    assert _start(spool)["experiment"] == "default"


def test_the_module_has_what_is_the_current_runs() -> None:
    assert _current() is None
    run = wandb.init(config={"rate": 0.1})
    assert _current() is run
    assert wandb.config.rate == 0.1
    wandb.log({"loss": 0.5}, 7, True)
    assert wandb.summary["loss"] == 0.5
    assert run.step == 8
    wandb.define_metric("loss", summary="min")
    wandb.finish()
    wandb.finish()
    assert _current() is None
    with pytest.raises(Error, match=r"before wandb\.config\.rate"):
        wandb.config.rate  # noqa: B018
    with pytest.raises(Error, match=r"before wandb\.summary\['a'\]"):
        wandb.summary["a"] = 1
    with pytest.raises(Error, match=r"before wandb\.define_metric\(\)"):
        wandb.define_metric("a")


def test_a_second_run_of_a_process_has_an_id_of_its_own(spool: Path) -> None:
    for _ in range(3):
        with wandb.init() as run:
            run.log({"loss": 0.5})
    assert sorted(written.directory.identity.run for written in writers(spool)) == ["job", "job-2", "job-3"]


def test_a_given_id_is_that_run(spool: Path) -> None:
    for resume in ("allow", "must", "never", None):
        with wandb.init(id="mine", resume=resume) as run:
            run.log({"loss": 0.5})
    assert wandb.init().id == "job"
    assert [written.directory.identity.run for written in writers(spool)] == ["mine"] * 4


def test_an_active_run_is_returned_unless_init_says_otherwise(spool: Path, original: Any) -> None:
    ids = []
    for module in (original, wandb):
        first = module.init(id="a")
        ids.append([
            module.init(id="b") is first,
            module.init(id="b", reinit=False) is first,
            module.init(id="b", reinit="return_previous") is first,
            (beside := module.init(id="c", reinit="create_new")) is first,
            module.run is first,
            module.init(id="d") is beside,  # the one that began last, though it is not `run`
            (third := module.init(id="e", reinit=True)).id,
            module.run is third,
            module.init(id="f", reinit="finish_previous").id,
        ])  # fmt: skip
        with pytest.raises(module.Error, match="Cannot resume a run while another run is active"):
            module.init(id="g", resume="must")
        module.run.finish()
        assert module.run is None
    assert ids[0] == ids[1]


def test_a_run_in_a_notebook_ends_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "IPython", Namespace(get_ipython=object))
    first = wandb.init()
    second = wandb.init(config={"rate": 1})
    assert (first.id, second.id) == ("job", "job-2")
    second.config.rate = 2  # and a value may change there
    assert wandb.run is second


def test_an_exception_fails_the_run_and_goes_on(spool: Path) -> None:
    def train() -> None:
        with wandb.init() as run:
            run.log({"loss": 0.5})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert writers(spool)[0].status == "failed"


@pytest.mark.parametrize(("code", "status"), [(None, "finished"), (0, "finished"), (1, "failed"), (255, "failed")])
def test_the_exit_code_is_the_status(spool: Path, code: int | None, status: str) -> None:
    wandb.init()
    wandb.log({"loss": 0.5})
    wandb.finish(code)
    assert writers(spool)[0].status == status


@pytest.mark.parametrize("how", [{"mode": "disabled"}, {"settings": {"mode": "disabled"}}])
def test_a_disabled_run_takes_everything_and_writes_nothing(spool: Path, how: Any) -> None:
    with wandb.init(config={"rate": 0.1}, tags=["a"], **how) as run:
        run.log({"loss": 0.5})
        run.summary["best"] = 1
        run.config.more = 2
        run.log_artifact("x")
        assert run.disabled
        assert wandb.run is run
        assert (run.config.rate, run.summary["loss"], run.refused) == (0.1, 0.5, {})
    assert not spool.exists()
    beside = wandb.init(mode="disabled")
    run = wandb.init()
    assert run is not beside  # which was none of the process's runs
    assert run.id == "job"
    assert wandb.run is run


def test_settings_and_the_clients_variables_are_taken_where_nothing_else_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "PROJECT": "of-variable", "NAME": "variable", "TAGS": "a,b", "RUN_GROUP": "g", "JOB_TYPE": "eval",
        "NOTES": "n", "ENTITY": "e", "MODE": "offline",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"WANDB_{name}", value)
    run = wandb.init(name="argument", settings=wandb.Settings(run_name="setting", run_group="setting", console="off"))
    assert (run.project, run.name, run.group, run.tags) == ("of-variable", "argument", "setting", ("a", "b"))
    assert (run.job_type, run.notes, run.entity, run.offline) == ("eval", "n", "e", True)
    run.finish()
    for name in ("EXPERIMENT", "NAME", "GROUP"):
        monkeypatch.setenv(f"SITEWIRE_{name}", "ours")
    monkeypatch.setenv("WANDB_RUN_ID", "theirs")
    run = wandb.init()
    assert (run.project, run.name, run.group, run.id) == ("ours", "ours", "ours", "job-2")
    run.finish()
    monkeypatch.delenv("SITEWIRE_RUN")
    assert wandb.init().id == "theirs"


def test_a_variable_that_cannot_be_used_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "a/b")
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    assert wandb.init().project == "default"
    assert len([line for line in caplog.messages if "it is left out" in line]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"id": "a/b"}, {"id": ""}, {"id": "x" * 65}, {"project": "a/b"}, {"project": "x" * 129}, {"project": 3},
        {"mode": "sometimes"}, {"reinit": "often"}, {"resume": "perhaps"}, {"tags": [""]}, {"tags": ["x" * 65]},
        {"tags": 3}, {"tags": [3]}, {"fork_from": "x"}, {"resume": "allow", "fork_from": "x?_step=1"},
        {"name": "x" * 2000}, {"id": "a\nb"},
        {"config": {"a": 1}, "config_exclude_keys": ["a"], "config_include_keys": ["b"]},
    ],
)  # fmt: skip
def test_an_argument_that_cannot_be_used_raises_before_any_training(arguments: Any) -> None:
    with pytest.raises(UsageError):
        wandb.init(**arguments)
    assert wandb.run is None


def test_what_is_not_collected_of_a_run_is_counted(tmp_path: Path) -> None:
    run = wandb.init(save_code=True, sync_tensorboard=True, monitor_gym=True, fork_from="other?_step=3")
    assert run.refused == {"not_collected": 4}
    for call in (
        lambda: run.alert("t", "x"), lambda: run.save("*.pt"), lambda: run.watch(object()), run.log_code,
        lambda: run.log_artifact("x").wait(), lambda: run.use_artifact("x:latest").download(), run.mark_preempting,
        lambda: run.link_artifact(wandb.Artifact("a"), "b"), lambda: run.log_model("p"),
        lambda: run.link_model("p", "n"),
        lambda: run.use_model("n"), lambda: run.restore("f"), lambda: run.write_logs("l"), run.pin_config_keys,
        lambda: run.finish_artifact("a"), lambda: run.upsert_artifact("a"),
    ):  # fmt: skip
        call()
    assert run.refused == {"not_collected": 20}
    run.unwatch()
    assert (run.display(), run.to_html(), str(run.status().sync_time)[:1]) == (False, "", "<")


def test_a_run_that_goes_on_from_a_point_is_that_run() -> None:
    run = wandb.init(resume_from="mine?_step=7")
    assert (run.id, run.refused) == ("mine", {"not_collected": 1})


def test_a_directory_for_files_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    run = wandb.init(dir=tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
    assert Path(run.dir).is_dir()
    assert run.dir == run.dir
    assert Path(run.dir).parent == Path(run.sync_dir)
    assert Path(run.dir).is_relative_to(tmp_path / "logs")
    run.finish()
    assert run.refused == {}
    (tmp_path / "file").touch()
    assert Path(wandb.init(dir=tmp_path / "file").dir).is_dir()


def test_files_in_that_directory_are_told_of_when_the_run_ends_and_only_if_there_are_any(tmp_path: Path) -> None:
    with wandb.init(dir=tmp_path) as run:
        Path(run.dir, "model.pt").touch()
        assert run.refused == {}
    assert run.refused == {"not_collected": 1}


def test_files_of_a_run_that_nobody_finishes_are_told_of_when_the_program_ends(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\nfrom sitewire.collectors import wandb\n"
        f"run = wandb.init(dir={str(tmp_path)!r})\nPath(run.dir, 'model.pt').touch()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.count("are not collected yet") == 1


def test_labels_and_names_that_are_set_later_are_recorded(spool: Path) -> None:
    with wandb.init(tags=("a", "b")) as run:
        run.tags += ("c",)
        run.tags = ("c", "d")
        run.tags = ("",)
        run.name, run.notes = "new", "more"
        assert list(run.tags) == ["c", "d"]
        assert (run.name, run.notes) == ("new", "more")
        assert run.refused == {"not_collected": 1}
    assert [(r.name, r.value) for r in records(spool, Kind.TAG)] == [
        ("a", ""), ("b", ""), ("c", ""), ("d", ""), ("wandb.name", "new"), ("wandb.notes", "more"),
    ]  # fmt: skip


def test_messages_of_the_program_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "sitewire"):
        wandb.termlog("one")
        wandb.termwarn("one", repeat=False)
    assert caplog.messages == ["one", "one"]


def test_a_login_is_accepted_and_nothing_of_it_is_kept() -> None:
    assert wandb.login(key="secret", relogin=True) is True
    wandb.setup()
    assert len({wandb.util.generate_id() for _ in range(100)}) == 100


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the original leaves its files to the collector
def test_the_config_may_be_a_file_as_the_original_has_it(tmp_path: Path, original: Any) -> None:
    (tmp_path / "good.yaml").write_text("wandb_version: 1\nrate: {desc: null, value: 0.5}\nlist: {value: [1, 2]}\n")
    (tmp_path / "config-defaults.yaml").write_text("rate: {value: 7}\nepochs: {value: 3}\n")
    (tmp_path / "bad.yaml").write_text("rate: 3\n")
    (tmp_path / "worse.yaml").write_text("[")
    for module in (original, wandb):
        run = module.init(config="good.yaml", reinit="create_new")
        assert dict(run.config.items()) == {"rate": 0.5, "epochs": 3, "list": [1, 2]}
        run.finish()
    for name in ("none.yaml", "bad.yaml", "worse.yaml"):
        with pytest.raises(ConfigError):
            wandb.init(config=name)


@pytest.mark.parametrize("config", [{"a": 1, "b": 2}, Namespace(a=1, b=2)])
def test_names_of_the_config_are_left_out_or_kept(config: object) -> None:
    for how, expected in (({"exclude": ["a"]}, {"b": 2}), ({"include": ["a"]}, {"a": 1}), ({}, {"a": 1, "b": 2})):
        assert wandb.helper.parse_config(config, **how) == expected
        run = wandb.init(config=config, **{f"config_{key}_keys": value for key, value in how.items()})  # type: ignore[arg-type]  # made up here
        assert run.config.as_dict() == expected
        run.finish()
    with pytest.raises(TypeError):
        wandb.init(config=3)


def test_flags_of_absl_are_taken_for_their_values() -> None:
    values = flags.FlagValues()  # type: ignore[no-untyped-call]  # absl leaves it so
    flags.DEFINE_float("rate", 0.5, "how fast", flag_values=values)
    values(["program"])
    assert wandb.helper.parse_config(values) == {"rate": 0.5}
