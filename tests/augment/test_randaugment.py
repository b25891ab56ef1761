"""RandAugment: how many operations, which ones, at what level."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import operations, randaugment

IMAGE = tf.constant(np.random.RandomState(4).randint(0, 256, (12, 12, 3), dtype=np.uint8))


def test_all_operations_come_with_equal_chances(monkeypatch):
    asked = []
    monkeypatch.setattr(
        randaugment, "in_turn", lambda planes, numbers, levels, draws: asked.append((numbers, levels, draws)) or planes
    )
    draws = iter(tf.random.stateless_uniform([200, 12], [1, 0]))
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, seed: next(draws)[: shape[0]])
    monkeypatch.setattr(randaugment, "_operations", randaugment._operations.python_function)
    for number in range(200):
        randaugment.rand_augment(IMAGE, tf.constant([1, number]), layers=3, magnitude=6.5)
    numbers, levels, sides = (np.concatenate(column) for column in zip(*asked))
    assert numbers.shape == levels.shape == (600,) and sides.shape == (1800,) and set(levels) == {6.5}
    counts = collections.Counter(numbers)
    assert set(counts) == set(operations.NUMBERS.values())
    assert all(abs(count - 600 / 17) < 5 * (600 / 17) ** 0.5 for count in counts.values())


def test_no_layers_change_nothing_and_the_seed_decides():
    np.testing.assert_array_equal(randaugment.rand_augment(IMAGE, tf.constant([1, 2]), layers=0), IMAGE)
    first, second = (randaugment.rand_augment(IMAGE, tf.constant([1, 5])) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    views = {bytes(randaugment.rand_augment(IMAGE, tf.constant([1, number])).numpy()) for number in range(10)}
    assert len(views) > 5


@pytest.mark.parametrize("arguments, message", [
    ({"layers": -1}, "0 or more layers; got -1"),
    ({"magnitude": 10.5}, "between 0 and 10; got 10.5"),
])  # fmt: skip
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        randaugment.rand_augment(IMAGE, tf.constant([0, 0]), **arguments)
