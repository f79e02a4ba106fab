"""Who holds which examples: labels dealt out unevenly, as they are in the world.

For each label the sites' shares are drawn from a Dirichlet distribution (Hsu, Qi, Brown 2019,
"Measuring the effects of non-identical data distribution for federated visual classification").
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sitewire.deploy.demo.examples import LABELS, Integers

MIN_EXAMPLES: Final = 20
"""Of a site: fewer would leave it nothing to train on once some are set aside to validate."""


def dirichlet_split(labels: Integers, sites: int, alpha: float, random: np.random.Generator) -> list[Integers]:
    """Deal examples out to sites.

    Args:
        labels: of all examples, shape ``(count,)``.
        sites: how many; each gets at least ``MIN_EXAMPLES``.
        alpha: small is uneven (0.1: most sites lack most labels), large is even (100: all alike).
        random: where the shares come from; the same one deals the same.

    Returns:
        For each site the indexes of its examples, sorted. Each index is dealt once.

    Raises:
        ValueError: there are too few examples for so many sites.
    """
    if len(labels) < sites * MIN_EXAMPLES:
        msg = f"{len(labels)} examples are too few for {sites} sites with at least {MIN_EXAMPLES} each"
        raise ValueError(msg)
    hands: list[list[int]] = [[] for _ in range(sites)]
    for label in range(LABELS):
        for hand, dealt in zip(hands, _deal_label(labels, label, sites, alpha, random), strict=True):
            hand.extend(dealt.tolist())
    _feed_the_small(hands)
    return [np.array(sorted(hand), np.int64) for hand in hands]


def _deal_label(labels: Integers, label: int, sites: int, alpha: float, random: np.random.Generator) -> list[Integers]:
    """Cut the shuffled examples of one label where the cumulated shares say."""
    indexes = random.permutation(np.flatnonzero(labels == label))
    shares = random.dirichlet(np.full(sites, alpha))
    cuts = np.round(np.cumsum(shares)[:-1] * len(indexes)).astype(np.int64)
    return np.split(indexes, cuts)


def _feed_the_small(hands: list[list[int]]) -> None:
    """Let the largest hand give to the smallest until each has enough."""
    while len(smallest := min(hands, key=len)) < MIN_EXAMPLES:
        smallest.append(max(hands, key=len).pop())
