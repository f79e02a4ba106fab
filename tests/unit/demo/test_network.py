from __future__ import annotations

import numpy as np
import pytest

from sitewire.deploy.demo import digits
from sitewire.deploy.demo.examples import Examples
from sitewire.deploy.demo.network import Momentum, Parameters, average, evaluate, fresh, gradients

EXAMPLES = digits.load().take(np.arange(200))


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_gradients_are_what_small_changes_of_each_parameter_do_to_the_loss() -> None:
    parameters = fresh(8, random())
    batch = EXAMPLES.take(np.arange(16))
    _, slopes = gradients(parameters, batch)
    chance = random()
    for number, (array, slope) in enumerate(zip(parameters, slopes, strict=True)):
        for place in [tuple(int(chance.integers(0, size)) for size in array.shape) for _ in range(5)]:
            assert slope[place] == pytest.approx(measured_slope(parameters, number, place, batch), abs=1e-6)


def measured_slope(parameters: Parameters, number: int, place: tuple[int, ...], batch: Examples) -> float:
    losses = []
    for change in (1e-6, -1e-6):
        changed = [array.copy() for array in parameters]
        changed[number][place] += change
        losses.append(evaluate(tuple(changed), batch).loss)
    return (losses[0] - losses[1]) / 2e-6


def test_it_learns() -> None:
    parameters, momentum = fresh(32, random()), Momentum(0.1, 0.9)
    before = evaluate(parameters, EXAMPLES)
    for _ in range(60):
        parameters = momentum.step(parameters, gradients(parameters, EXAMPLES)[1])
    after = evaluate(parameters, EXAMPLES)
    assert before.accuracy < 0.3
    assert after.accuracy > 0.9
    assert after.loss < before.loss / 2


def test_a_network_that_is_sure_has_a_finite_loss_even_where_it_is_wrong() -> None:
    parameters = tuple(array * 1e6 for array in fresh(8, random()))
    assert np.isfinite(evaluate(parameters, EXAMPLES).loss)


def test_the_average_weighs_each_network() -> None:
    low, high = (np.zeros(2), np.zeros((1, 2))), (np.ones(2), np.full((1, 2), 4.0))
    mean = average([low, high], [1, 3])
    assert [array.tolist() for array in mean] == [[0.75, 0.75], [[3.0, 3.0]]]
    assert all(np.array_equal(a, b) for a, b in zip(average([high], [7]), high, strict=True))


def test_momentum_keeps_some_of_the_last_step() -> None:
    momentum, slopes = Momentum(0.5, 0.5), (np.ones(1),)
    first = momentum.step((np.zeros(1),), slopes)
    second = momentum.step(first, slopes)
    assert (first[0].item(), second[0].item()) == (-0.5, -1.25)
