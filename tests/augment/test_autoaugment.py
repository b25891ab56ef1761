"""AutoAugment: the published lists, and that pairs, probabilities and levels are drawn as they say."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment import autoaugment, operations

IMAGE = tf.constant(np.random.RandomState(3).randint(0, 256, (12, 12, 3), dtype=np.uint8))


@pytest.mark.parametrize("policy", autoaugment.SUB_POLICIES)
def test_a_policy_is_25_pairs_of_known_operations(policy):
    rows = autoaugment.SUB_POLICIES[policy]
    assert len(rows) == 25
    for row in rows:
        assert len(row) == 2
        for name, probability, level in row:
            assert name in operations.OPERATIONS and 0 <= probability <= 1 and 0 <= level <= 10


def test_the_cifar_policy_is_that_of_the_paper():
    """How often each operation stands in it, and its levels for Solarize on the scale of the paper, 10 - ours."""
    rows = [part for row in autoaugment.SUB_POLICIES["cifar10"] for part in row]
    counts = collections.Counter(name for name, _, _ in rows)
    assert counts == {
        "Equalize": 9, "AutoContrast": 7, "TranslateY": 5, "Color": 5, "Sharpness": 5, "Brightness": 4, "Solarize": 4,
        "Invert": 3, "Contrast": 2, "TranslateX": 2, "ShearY": 2, "Rotate": 1, "Posterize": 1,
    }  # fmt: skip
    assert [10 - level for name, _, level in rows if name == "Solarize"] == [2, 8, 5, 3]
    assert sum(probability for _, probability, _ in rows) == pytest.approx(26.5)


@pytest.mark.parametrize("policy", autoaugment.SUB_POLICIES)
def test_pairs_come_with_equal_chances_and_operations_with_their_own(policy):
    rows, count = autoaugment.SUB_POLICIES[policy], 3000
    draws = tf.random.stateless_uniform([count, 3], [4, 0])
    pairs = tf.data.Dataset.from_tensor_slices(draws).map(lambda drawn: autoaugment._drawn_pair(drawn, policy))
    numbers, levels = (column.numpy().ravel() for column in pairs.batch(count).get_single_element())
    drawn = [(list(operations.OPERATIONS)[number], level) for number, level in zip(numbers, levels)]
    for wanted in operations.OPERATIONS:
        if wanted != "Identity":
            expected = count / 25 * sum(probability for row in rows for name, probability, _ in row if name == wanted)
            assert abs(sum(name == wanted for name, _ in drawn) - expected) <= 5 * expected**0.5, wanted
    levels = {(name, level) for name, level in drawn if name != "Identity"}
    assert levels == {(name, level) for row in rows for name, probability, level in row if probability > 0}


def test_the_seed_decides():
    views = {bytes(autoaugment.auto_augment(IMAGE, tf.constant([1, number])).numpy()) for number in range(12)}
    assert len(views) > 5
    first, second = (autoaugment.auto_augment(IMAGE, tf.constant([1, 2])) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="`auto_policy` must be one of imagenet, cifar10; got 'svhn'"):
        autoaugment.auto_augment(IMAGE, tf.constant([0, 0]), policy="svhn")
