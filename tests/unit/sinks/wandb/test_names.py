"""Names in W&B: none is lost, no two become one, and all can be ids, projects and keys."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.wandb.keys import free
from sitewire.workers.sinks.wandb.layout import MAX_ID_CHARACTERS, project_of, run_id

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=15)
ODD = st.lists(st.sampled_from(["~", "_", "sitewire", "/", "\\", "step", "\n", "a"]), min_size=1, max_size=4).map(
    "".join
)


@given(st.lists(ODD | NAMES, unique=True))
def test_no_two_names_become_one_and_none_is_one_of_the_clients(names: list[str]) -> None:
    keys = [free(name) for name in names]
    assert len(set(keys)) == len(keys)
    assert not any(key.startswith(("_", "sitewire/")) or key in ("sitewire", "\\") for key in keys)


@given(st.lists(st.builds(RunKey, NAMES, NAMES), unique=True))
def test_every_run_has_an_id_of_its_own_that_can_be_part_of_an_address(keys: list[RunKey]) -> None:
    ids = [run_id(key) for key in keys]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", each) and len(each) <= MAX_ID_CHARACTERS for each in ids)


@given(st.lists(NAMES, unique=True))
def test_every_experiment_has_a_project_of_its_own(names: list[str]) -> None:
    projects = [project_of(name) for name in names]
    assert len(set(projects)) == len(projects)
    assert not any(set(project) & set("/\\#?%:") or len(project) > 128 for project in projects)


def test_a_plain_experiment_keeps_its_name() -> None:
    assert project_of("cifar10 fed") == "cifar10 fed"
