"""A network of one hidden layer, by hand: softmax at the end, cross-entropy, momentum.

Parameters are a plain tuple of arrays, so that averaging networks is averaging arrays:
``(weights (PIXELS, hidden), bias (hidden,), weights (hidden, LABELS), bias (LABELS,))``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from sitewire.deploy.demo.examples import LABELS, PIXELS, Examples, Floats

Parameters: TypeAlias = tuple[Floats, ...]

_TINY: Final = 1e-12
"""Keeps the logarithm of a probability finite."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good a network is on some examples.

    Attributes:
        loss: mean cross-entropy, natural logarithm.
        accuracy: share of examples whose most probable label is right, 0 to 1.
    """

    loss: float
    accuracy: float


def fresh(hidden: int, random: np.random.Generator) -> Parameters:
    """Return a network that has learned nothing: normal weights scaled for ReLU (He et al. 2015), biases of zero."""
    return (
        random.normal(0.0, np.sqrt(2 / PIXELS), (PIXELS, hidden)),
        np.zeros(hidden),
        random.normal(0.0, np.sqrt(2 / hidden), (hidden, LABELS)),
        np.zeros(LABELS),
    )


def evaluate(parameters: Parameters, examples: Examples) -> Score:
    """Return how good the network is on these examples."""
    _, probabilities = _forward(parameters, examples.images)
    return _score(probabilities, examples)


def gradients(parameters: Parameters, batch: Examples) -> tuple[Score, Parameters]:
    """Return the network's score on a batch, and the loss's gradient in each parameter."""
    hidden, probabilities = _forward(parameters, batch.images)
    # Of softmax and cross-entropy together: what was said minus what is true.
    error = probabilities.copy()
    error[np.arange(len(batch)), batch.labels] -= 1.0
    error /= len(batch)
    back = (error @ parameters[2].T) * (hidden > 0)
    slopes = (batch.images.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0))
    return _score(probabilities, batch), slopes


def average(networks: Sequence[Parameters], weights: Sequence[float]) -> Parameters:
    """Return the weighted mean of networks: FedAvg (McMahan et al. 2017), each weighted by its examples."""
    shares = [weight / sum(weights) for weight in weights]
    return tuple(
        np.sum([share * array for share, array in zip(shares, arrays, strict=True)], axis=0)
        for arrays in zip(*networks, strict=True)
    )


class Momentum:
    """Stochastic gradient descent that keeps some of its speed."""

    def __init__(self, rate: float, momentum: float) -> None:
        self._rate = rate
        self._momentum = momentum
        self._speed: Parameters | None = None

    def step(self, parameters: Parameters, slopes: Parameters) -> Parameters:
        """Return the parameters one step downhill."""
        speed = self._speed or tuple(np.zeros_like(slope) for slope in slopes)
        self._speed = tuple(self._momentum * old - self._rate * new for old, new in zip(speed, slopes, strict=True))
        return tuple(array + change for array, change in zip(parameters, self._speed, strict=True))


def _forward(parameters: Parameters, images: Floats) -> tuple[Floats, Floats]:
    hidden = np.maximum(images @ parameters[0] + parameters[1], 0.0)
    scores = hidden @ parameters[2] + parameters[3]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))  # shifted: the largest power is 1
    return hidden, powers / powers.sum(axis=1, keepdims=True)


def _score(probabilities: Floats, examples: Examples) -> Score:
    of_truth = probabilities[np.arange(len(examples)), examples.labels]
    right = probabilities.argmax(axis=1) == examples.labels
    return Score(float(-np.log(of_truth + _TINY).mean()), float(right.mean()))
