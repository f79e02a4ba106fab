"""F8: a trainer ends in every way there is, with the broker up, slow, gone and never there, in each syntax.

It hangs nowhere, is out in time, with the code and the words that it would have without logging; and what its log calls
accepted arrives once the broker is there: exactly once, with the run said to have ended as it has.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from support.ends.broker import State
from support.ends.campaign import campaign

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
TRIALS: Final = 250 if FULL else 6  # with each state of the broker
SEED: Final = os.environ.get("SITEWIRE_TEST_SEED")
SLACK: Final = 1.0 if FULL else 5.0  # seconds: the short version shares its cores with other tests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if FULL else 600)]


@pytest.mark.parametrize("state", [*State], ids=[state.name.lower() for state in State])
def test_a_trainer_that_ends_is_out_in_time_and_nothing_that_it_logged_is_lost(
    tmp_path: Path, note: Callable[[str], None], state: State
) -> None:
    seed = int(SEED) if SEED else random.SystemRandom().randrange(10**6)
    print(f"F8, broker {state}: seed {seed}")
    done = campaign(tmp_path, state, seed, TRIALS, SLACK)
    note(str(done))
    assert not done.complaints, "\n".join(done.complaints)
