"""A run has its own random state and precision, and leaves those of the caller."""

from __future__ import annotations

import dataclasses

import pytest
import tensorflow as tf

from supcon_tf.config import Experiment, Stage
from supcon_tf.run.context import own_state

EXPERIMENT = Experiment(cross_entropy=Stage(epochs=1), seed=3, precision="mixed_bfloat16")


def drawn(seed):
    tf.keras.utils.set_random_seed(seed)
    return [float(tf.random.uniform([])) for _ in range(3)]


@pytest.mark.parametrize("how", ["ends", "fails"])
def test_the_block_is_the_experiments_and_what_follows_the_callers(how):
    expected = drawn(5)
    tf.keras.utils.set_random_seed(5)
    found = [float(tf.random.uniform([]))]
    try:
        with own_state(EXPERIMENT):
            assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
            inside = [float(tf.random.uniform([])) for _ in range(3)]
            if how == "fails":
                raise RuntimeError
    except RuntimeError:
        assert how == "fails"
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    found += [float(tf.random.uniform([])) for _ in range(2)]
    assert found == expected and inside == drawn(3)


def test_the_seed_decides():
    """Control: another seed draws other numbers."""
    with own_state(EXPERIMENT):
        one = float(tf.random.uniform([]))
    with own_state(dataclasses.replace(EXPERIMENT, seed=4)):
        assert float(tf.random.uniform([])) != one
