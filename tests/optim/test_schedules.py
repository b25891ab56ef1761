"""Schedules: the facts of the authors' test, plain Python at every step, laws, serialisation, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.names import SCHEDULES
from supcon_tf.optim.schedules import learning_rate_schedule, scaled_learning_rate


def _plain(step, name, *, peak_learning_rate, total_steps, warmup_steps=0, decay_rate=0.1, **decay):
    if step < warmup_steps:
        return peak_learning_rate * step / warmup_steps
    length = total_steps - warmup_steps
    since = min(step - warmup_steps, length)
    if name == "cosine":
        return peak_learning_rate * (1 + math.cos(math.pi * since / length)) / 2
    if name == "exponential":
        return peak_learning_rate * decay_rate ** math.floor(since / decay["steps_per_decay"])
    if name == "piecewise":
        return peak_learning_rate * decay_rate ** len([b for b in decay["boundaries"] if since > b])
    return peak_learning_rate


CASES = {
    "cosine": {"total_steps": 60, "warmup_steps": 7},
    "exponential": {"total_steps": 50.5, "warmup_steps": 4.25, "decay_rate": 0.97, "steps_per_decay": 2.5},
    "piecewise": {"total_steps": 60, "warmup_steps": 5, "decay_rate": 0.2, "boundaries": (10, 20.5, 40)},
    "constant": {"total_steps": 40, "warmup_steps": 12},
}


def _schedule(name, **changes):
    return learning_rate_schedule(name, **{"peak_learning_rate": 0.3, **CASES[name], **changes})


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup_steps", [None, 0])
def test_every_step_equals_plain_python(name, warmup_steps):
    settings = {"peak_learning_rate": 0.3, **CASES[name]}
    if warmup_steps is not None:
        settings["warmup_steps"] = warmup_steps
    schedule = learning_rate_schedule(name, **settings)
    expected = [_plain(step, name, **settings) for step in range(70)]  # Ten steps and more past the end of the stage.
    np.testing.assert_allclose([schedule(step) for step in range(70)], expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(schedule(tf.range(70, dtype=tf.int64)), expected, rtol=1e-5, atol=1e-8)
    assert schedule(tf.constant(3, tf.int64)).dtype == tf.float32


def test_facts_of_the_authors_test():
    """100 steps an epoch, peak 1: 5 epochs of warm-up and 5 of cosine; then 10 epochs of cosine alone."""
    warm = learning_rate_schedule("cosine", peak_learning_rate=1.0, total_steps=1000, warmup_steps=500)
    np.testing.assert_allclose(warm(tf.constant([0, 250, 500, 1000])), [0, 0.5, 1, 0], atol=1e-7)
    cold = learning_rate_schedule("cosine", peak_learning_rate=1.0, total_steps=1000)
    np.testing.assert_allclose(cold(tf.constant([0, 500, 1000])), [1, 0.5, 0], atol=1e-7)


def test_staircase_and_boundaries_fall_where_the_paper_falls():
    stairs = learning_rate_schedule(
        "exponential", peak_learning_rate=1.0, total_steps=100, warmup_steps=10, decay_rate=0.5, steps_per_decay=20
    )
    np.testing.assert_allclose(stairs(tf.constant([29, 30, 49, 50])), [1, 0.5, 0.5, 0.25])
    pieces = learning_rate_schedule(
        "piecewise", peak_learning_rate=1.0, total_steps=100, warmup_steps=10, decay_rate=0.2, boundaries=(20, 40)
    )
    np.testing.assert_allclose(pieces(tf.constant([30, 31, 50, 51])), [1, 0.2, 0.2, 0.04], rtol=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rises_to_the_peak_then_never_rises_again_and_holds_after_the_end(name):
    schedule = _schedule(name)
    steps = np.arange(math.ceil(schedule.total_steps) + 30)
    rates = schedule(tf.constant(steps)).numpy()
    warm = math.ceil(schedule.warmup_steps)
    assert rates[0] == 0 and (np.diff(rates[:warm]) > 0).all() and (np.diff(rates[warm:]) <= 0).all()
    assert rates.max() <= np.float32(0.3)
    assert len(set(rates[steps >= schedule.total_steps])) == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_rate_is_proportional_to_the_peak(name):
    steps = tf.range(60)
    np.testing.assert_allclose(_schedule(name, peak_learning_rate=3.0)(steps), 10 * _schedule(name)(steps), rtol=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_serialisation_and_graph_keep_the_rates(name):
    schedule = _schedule(name)
    restored = tf.keras.optimizers.schedules.deserialize(tf.keras.optimizers.schedules.serialize(schedule))
    assert restored.get_config() == schedule.get_config()
    steps = tf.range(60, dtype=tf.int64)
    np.testing.assert_array_equal(restored(steps), schedule(steps))
    np.testing.assert_allclose(tf.function(schedule)(steps), schedule(steps), rtol=1e-6, atol=1e-8)


def test_optimizer_takes_the_rate_of_its_own_step():
    schedule = learning_rate_schedule("constant", peak_learning_rate=1.0, total_steps=10, warmup_steps=4)
    optimizer, weight = tf.keras.optimizers.SGD(schedule), tf.Variable(0.0)
    for _ in range(6):
        optimizer.apply_gradients([(tf.constant(-1.0), weight)])
    np.testing.assert_allclose(weight, 0 + 0.25 + 0.5 + 0.75 + 1 + 1)


def test_peak_scales_with_the_batch():
    assert scaled_learning_rate(0.4, 6144) == pytest.approx(9.6)  # The paper's ResNet-50.
    assert scaled_learning_rate(0.125, 4096) == 2.0
    assert scaled_learning_rate(0.3, 256) == 0.3


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cosin", {}, r"`schedule` must be one of cosine, .*; got 'cosin'\. Did you mean 'cosine'\?"),
        ("cosine", {"peak_learning_rate": 0.0}, "`peak_learning_rate` must be > 0 and finite; got 0.0"),
        ("cosine", {"peak_learning_rate": math.inf}, "`peak_learning_rate` must be > 0 and finite; got inf"),
        ("constant", {"warmup_steps": 40}, "fewer than the steps of the stage.*warmup_steps=40 and total_steps=40"),
        ("constant", {"warmup_steps": -1}, "`warmup_steps` must be >= 0.*got warmup_steps=-1"),
        ("cosine", {"total_steps": 0, "warmup_steps": 0}, "warmup_steps=0 and total_steps=0"),
        ("exponential", {"steps_per_decay": None}, "needs `steps_per_decay` > 0; got None"),
        ("exponential", {"steps_per_decay": 0}, "needs `steps_per_decay` > 0; got 0"),
        ("exponential", {"decay_rate": 0.0}, "`decay_rate` must be above 0 and at most 1; got 0.0"),
        ("piecewise", {"decay_rate": 1.5}, "`decay_rate` must be above 0 and at most 1; got 1.5"),
        ("piecewise", {"boundaries": (3, -1)}, r"`boundaries` must be steps >= 0.*got \(3, -1\)"),
    ],
)
def test_errors_say_what_is_wanted(name, change, message):
    settings = {"peak_learning_rate": 0.3, **CASES.get(name, CASES["cosine"]), **change}
    with pytest.raises(ValueError, match=message):
        learning_rate_schedule(name, **settings)
