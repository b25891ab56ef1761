"""Metrics of projections beside the measures of whole splits, over batches, replicas and types."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation import representation
from supcon_tf.metrics.representation import Alignment, EffectiveRank, Uniformity
from tests.losses.problems import unit_rows

ROWS, LABELS = unit_rows(12, 2, 5).astype("float32"), np.array([0, 1, 2, 0, 1, 2] * 2)


def measured(metric, *parts):
    for part in parts:
        metric.update_state(tf.constant(LABELS[part]), tf.constant(ROWS[part]))
    return float(metric.result())


def of_split(name):
    flat, labels = ROWS.reshape(24, 5), np.repeat(LABELS, 2)
    return {
        "alignment": lambda: representation.alignment(flat, labels),
        "uniformity": lambda: representation.uniformity(flat),
        "effective_rank": lambda: representation.effective_rank(flat),
    }[name]()


def made(name):
    return {"alignment": Alignment, "uniformity": Uniformity, "effective_rank": lambda: EffectiveRank(width=5)}[name]()


NAMES = ("alignment", "uniformity", "effective_rank")


@pytest.mark.parametrize("name", NAMES)
def test_of_one_batch_it_is_the_measure_of_the_split(name):
    assert measured(made(name), slice(None)) == pytest.approx(of_split(name), rel=1e-5)


def test_over_batches_pairs_are_pooled_and_rank_is_of_all_images():
    halves = slice(0, 3), slice(3, 12)  # of another size each: a mean of batches would be another number
    assert measured(made("effective_rank"), *halves) == pytest.approx(of_split("effective_rank"), rel=1e-5)
    total = pairs = 0.0
    for part in halves:
        flat, labels = ROWS[part].reshape(-1, 5), np.repeat(LABELS[part], 2)
        for i in range(len(flat)):
            for j in range(len(flat)):
                if i != j and labels[i] == labels[j]:
                    total, pairs = total + np.sum((flat[i] - flat[j]) ** 2), pairs + 1
    assert measured(made("alignment"), *halves) == pytest.approx(total / pairs, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_epoch_begins_with_nothing(name):
    metric = made(name)
    metric.update_state(tf.constant(LABELS[:4]), tf.constant(ROWS[:4]))
    metric.reset_state()
    assert measured(metric, slice(None)) == pytest.approx(of_split(name), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_and_any_length_of_rows(name):
    metric = made(name)
    metric.update_state(tf.constant(LABELS), tf.constant(7 * ROWS, tf.float16))
    assert float(metric.result()) == pytest.approx(of_split(name), rel=5e-3)


@pytest.mark.parametrize("name", NAMES)
def test_where_keras_counts_in_float64(name):
    tf.keras.backend.set_floatx("float64")
    try:
        metric = made(name)
        metric.update_state(tf.constant(LABELS), tf.constant(ROWS))
        metric.reset_state()
        assert measured(metric, slice(None)) == pytest.approx(of_split(name), rel=1e-5)
    finally:
        tf.keras.backend.set_floatx("float32")


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("name", NAMES)
def test_two_replicas_show_what_one_device_shows(two_replicas, name):
    with two_replicas.scope():
        metric = made(name)
    parts = np.split(ROWS, [5]), np.split(LABELS, [5])

    @tf.function
    def run(z, y):
        two_replicas.run(lambda z, y: metric.update_state(y, z), (z, y))

    run(*(
        two_replicas.experimental_distribute_values_from_function(
            lambda context, part=part: tf.constant(part[context.replica_id_in_sync_group])
        )
        for part in parts
    ))  # fmt: skip
    assert float(metric.result()) == pytest.approx(of_split(name), rel=1e-5)
    if name == "alignment":  # control: replicas by themselves have other pairs
        assert measured(Alignment(), slice(0, 5), slice(5, 12)) != pytest.approx(of_split(name), rel=1e-3)


def test_without_pairs_there_is_no_number():
    assert np.isnan(measured(Alignment())) and np.isnan(measured(Uniformity()))
    assert np.isnan(measured(EffectiveRank(width=5)))


def test_wrong_widths_and_weights_are_refused():
    with pytest.raises(ValueError, match=r"EffectiveRank\(width=5\)"):
        measured(EffectiveRank(width=8), slice(None))
    with pytest.raises(ValueError, match="no `sample_weight`"):
        Alignment().update_state(LABELS, ROWS, sample_weight=np.ones(12))


@pytest.mark.parametrize("metric", [Alignment("class"), Uniformity(), EffectiveRank(3)])
def test_it_is_made_again_of_its_config(metric):
    assert type(metric).from_config(metric.get_config()).get_config() == metric.get_config()
