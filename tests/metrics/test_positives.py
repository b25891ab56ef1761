"""The share of anchors without positives: plain loops, closed forms, `fit` on both generations, two replicas."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.metrics.positives import AnchorsWithoutPositives
from tests.losses.problems import unit_rows
from tests.marks import slow
from tests.oracles import supcon as oracle

LABELS = np.array([4, 0, 4, -1, 1, 0, -1, 2])
SETS = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0], [0.5, 0, 0], [0, 0, 0], [0, 0, 1]])


def share(labels, projections, **how):
    metric = AnchorsWithoutPositives(**how)
    metric.update_state(labels, projections)
    return float(metric.result())


@pytest.mark.parametrize("views", [1, 2, 3])
def test_the_share_is_that_of_plain_loops(views):
    anchors = [(i, v) for i in range(8) for v in range(views)]
    lonely = [not oracle.positives_and_negatives(LABELS, views, anchor)[0] for anchor in anchors]
    assert share(LABELS, np.zeros([8, views, 3], "float32")) == pytest.approx(np.mean(lonely))
    assert np.mean(lonely) == (0.5 if views == 1 else 0)


def test_label_sets_are_alone_where_they_share_nothing():
    lonely = [not oracle.weighted_positives_and_negatives(SETS, 1, (i, 0))[0] for i in range(6)]
    assert share(SETS, np.zeros([6, 3], "float32")) == pytest.approx(np.mean(lonely)) == 2 / 6


@pytest.mark.parametrize(
    "labels, expected", [([-1] * 4, 1), ([0, 1, 2, 3], 1), ([5] * 4, 0), ([0, 0, 1, 1], 0), ([], 0)]
)
def test_closed_forms(labels, expected):
    assert share(np.array(labels, int), np.zeros([len(labels), 3], "float32")) == expected


def test_batches_and_weights_add_up():
    metric = AnchorsWithoutPositives()
    metric.update_state(np.array([0, 0, 1]), np.zeros([3, 2]))
    metric.update_state(np.array([2]), np.zeros([1, 2]))
    assert float(metric.result()) == 2 / 4
    metric.update_state(np.array([0, 0, 1]), np.zeros([3, 2]), sample_weight=np.array([1, 1, 2]))
    assert float(metric.result()) == 4 / 8
    reset = getattr(metric, "reset_state", None) or metric.reset_states
    reset()
    assert float(metric.result()) == 0


def test_labels_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="`y_true` are labels of 2 images and `y_pred` projections of 3"):
        share([0, 1], np.zeros([3, 2]))
    with pytest.raises(ValueError, match="`label_mode` must be one of auto, class"):
        AnchorsWithoutPositives(label_mode="classes")


def model_of(metric, views=None):
    shape = [6] if views is None else [views, 6]
    model = tf.keras.Sequential([tf.keras.Input(shape), tf.keras.layers.Dense(4)])
    model.compile(tf.keras.optimizers.SGD(0.1), SupConLoss(), metrics=[metric])
    return model


ONE_HOT = (LABELS[:, None] == np.arange(5)).astype(int)


@pytest.mark.parametrize("labels", [LABELS, slow(ONE_HOT)], ids=["classes", "one-hot"])
def test_fit_shows_the_share(labels):
    """A batch of one view in which no image has a positive costs 0, and this says why."""
    images = unit_rows(8, 6).astype("float32")
    model = model_of(AnchorsWithoutPositives())
    history = model.fit(images, labels, batch_size=8, verbose=0).history
    assert history["anchors_without_positives"] == [pytest.approx(0.5)] and history["loss"][0] > 0
    lonely = model.fit(images[[0, 1, 7]], labels[[0, 1, 7]], verbose=0).history
    assert lonely["anchors_without_positives"] == [1] and lonely["loss"] == [0]


def test_saved_models_keep_their_metric(tmp_path):
    metric = AnchorsWithoutPositives("class", False, name="alone")
    assert AnchorsWithoutPositives.from_config(metric.get_config()).get_config() == metric.get_config()
    model = model_of(metric, views=1)
    images = unit_rows(8, 1, 6).astype("float32")
    before = model.evaluate(images, LABELS, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(images, LABELS, verbose=0, return_dict=True) == pytest.approx(before)
    assert before["alone"] == 0.5


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("cross_replica, expected", [(True, 0.5), (False, 0.75)])
def test_replicas_look_among_the_images_of_all(two_replicas, cross_replica, expected):
    """On four images each, a control: labels 4 are together, and the two of class 0 are not."""
    with two_replicas.scope():
        model = model_of(AnchorsWithoutPositives(cross_replica=cross_replica))
    data = tf.data.Dataset.from_tensor_slices((unit_rows(8, 6).astype("float32"), LABELS)).batch(8)
    assert model.fit(data, verbose=0).history["anchors_without_positives"] == [pytest.approx(expected)]
