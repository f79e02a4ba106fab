"""A process dies just before, in the middle of, or just behind each system call; whoever comes next needs no help."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.notes import NOTE
from support.trouble import calls
from support.trouble.campaign import FULL, sample, scratch
from support.trouble.child import SURVIVED, play
from support.trouble.examine import examine
from support.trouble.moments import Death
from support.trouble.scenes import Scene
from support.trouble.tape import Tape
from support.trouble.truth import Truth

MOMENTS = 8
"""Of a scene, when not all are played."""

PATIENCE = 3600 if FULL else 120

pytestmark = [pytest.mark.timeout(PATIENCE)]

SCENES: dict[str, Callable[[Scene], None]] = {"writing": Scene.write, "both": Scene.write_and_drain}

Property = Callable[[str, object], None]


def die(scene: Callable[[], None], nth: int) -> tuple[int, int]:
    """Play a scene in a process that dies at the ``nth`` moment; return its exit code, and how many there were."""
    counted = Tape()

    def intercepted() -> None:
        death = Death(nth)
        calls.intercept(death)
        scene()
        counted.say(death.seen)

    code = play(intercepted)
    seen = next(iter(counted), (0,))[0]
    counted.close()
    return code, seen


def moments_of(scene: Callable[[], None]) -> list[int]:
    """Play a scene in which nobody dies; return its moments, and some: threads make a few more or less each time."""
    code, seen = die(scene, -1)
    assert code == SURVIVED
    return list(range(seen + seen // 10))


@pytest.mark.parametrize("mode", ["mapped", "written"])
@pytest.mark.parametrize("name", SCENES)
def test_a_process_that_dies_at_any_step_leaves_what_the_next_reads_and_counts(
    tmp_path: Path, record_property: Property, name: str, mode: str
) -> None:
    died = read = 0
    with scratch(tmp_path) as folder:

        def attempt(nth: int, root: Path) -> tuple[int, Tape]:
            tape = Tape()
            scene = Scene(root, tape, mapped=mode == "mapped")
            return die(lambda: SCENES[name](scene), nth)[0], tape

        tape = Tape()
        whole = Scene(folder / "whole", tape, mapped=mode == "mapped")
        for nth in sample(moments_of(lambda: SCENES[name](whole)), MOMENTS):
            root = folder / str(nth)
            code, said = attempt(nth, root)
            died += code < 0
            read += examine(root, Truth.of(said))
            said.close()
            shutil.rmtree(root)
    assert died >= MOMENTS // 2
    record_property(NOTE, f"spool, {name}, {mode}: died at {died} moments, {read} items read back, lost 0")


@pytest.mark.parametrize("mode", ["mapped", "written"])
def test_a_reader_that_dies_at_any_step_leaves_what_the_next_reads_and_counts(
    tmp_path: Path, record_property: Property, mode: str
) -> None:
    died = read = 0
    with scratch(tmp_path) as folder:
        logged = Tape()
        first = Scene(folder / "first", logged, mapped=mode == "mapped")
        assert play(first.write) == SURVIVED
        shutil.copytree(first.root, folder / "whole")
        for nth in sample(moments_of(Scene(folder / "whole", Tape(), mapped=True).drain), MOMENTS):
            root, tape = folder / str(nth), Tape()
            shutil.copytree(first.root, root)
            code, _ = die(Scene(root, tape, mapped=True).drain, nth)
            died += code < 0
            truth = Truth.of(logged)
            for entry in tape:
                truth.hear(entry)
            read += examine(root, truth)
            shutil.rmtree(root)
    assert died >= MOMENTS // 2
    record_property(NOTE, f"spool, reading, {mode}: died at {died} moments, {read} items read back, lost 0")


def test_the_checker_sees_a_record_that_is_gone(tmp_path: Path) -> None:
    tape = Tape()
    assert play(Scene(tmp_path / "spool", tape, mapped=True, policy="drop_newest").write) == SURVIVED
    next(iter(sorted((tmp_path / "spool").rglob("*.seg")))).unlink()
    with pytest.raises(AssertionError, match="lost"):
        examine(tmp_path / "spool", Truth.of(tape), dropping=False)
