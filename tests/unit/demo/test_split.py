from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitewire.deploy.demo import digits
from sitewire.deploy.demo.examples import LABELS, Examples
from sitewire.deploy.demo.split import MIN_EXAMPLES, dirichlet_split

LABELS_1437 = digits.load().labels[:1437]


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 64), st.floats(1e-3, 1e6), st.integers(0, 2**32))
def test_every_example_is_dealt_once_and_every_site_has_enough(sites: int, alpha: float, seed: int) -> None:
    hands = dirichlet_split(LABELS_1437, sites, alpha, random(seed))
    assert len(hands) == sites
    assert sorted(np.concatenate(hands).tolist()) == list(range(len(LABELS_1437)))
    assert min(map(len, hands)) >= MIN_EXAMPLES


def test_the_same_random_numbers_deal_the_same() -> None:
    first, second = (dirichlet_split(LABELS_1437, 8, 0.5, random(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = dirichlet_split(LABELS_1437, 8, 0.5, random(4))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_small_alpha_deals_less_evenly() -> None:
    def spread(alpha: float) -> float:
        hands = dirichlet_split(LABELS_1437, 8, alpha, random())
        counts = np.array([np.bincount(LABELS_1437[hand], minlength=LABELS) for hand in hands])
        return float(counts.std(axis=0).mean())

    assert spread(0.1) > 3 * spread(100.0)


def test_too_many_sites_for_the_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="too few for 8 sites"):
        dirichlet_split(LABELS_1437[:100], 8, 0.5, random())


def test_a_division_keeps_each_example_with_its_label() -> None:
    count = 50
    numbered = Examples(np.repeat(np.arange(count, dtype=np.float64)[:, None], 64, axis=1), np.arange(count))
    first, second = numbered.divide(0.2, random())
    assert (len(first), len(second)) == (40, 10)
    assert sorted([*first.labels, *second.labels]) == list(range(count))
    assert np.array_equal(first.images[:, 0], first.labels)


def test_the_digits_are_what_the_network_expects() -> None:
    examples = digits.load()
    assert examples.images.shape == (1797, 64)
    assert (examples.images.min(), examples.images.max()) == (0.0, 1.0)
    assert sorted(set(examples.labels.tolist())) == list(range(LABELS))
