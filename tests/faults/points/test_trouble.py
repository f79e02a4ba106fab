"""What is not about one point: the last batch of a run, a spool that let go of records, a store that was lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.checker import trouble
from support.checker.load import Finding
from support.checker.scene import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize("scenario", [trouble.last_batch, trouble.overflow, trouble.refill])
def test_it_is_exact_all_the_same(
    stage: Scene, scenario: Callable[[Scene], Finding], note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(scenario.__name__.replace("_", " "), scenario(stage))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"
