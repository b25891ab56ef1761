"""A word at collapse, in the words of Keras, and none otherwise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.callbacks.collapse_warning import CollapseWarning
from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.training.diagnostics import describe
from supcon_tf.training.plateau import PlateauWatch
from tests.callbacks.fits import LABELS, SPLIT, encoder_and_model, fit

BATCH = (np.stack([SPLIT[0], SPLIT[0]], 1)[::2], LABELS[::2])


def heard(model, callback, **how):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(model, callback, **how)
    return [str(one.message) for one in found if "the loss has stayed" in str(one.message)]


@pytest.mark.slow
def test_equal_embeddings_are_said_once_in_the_words_of_keras():
    _, model = encoder_and_model(rate=0.0, start="zeros")
    (said,) = heard(model, CollapseWarning(BATCH), epochs=30)
    assert "0.1 ln(24 - 1) = 0.3135" in said and "epoch 10:" in said
    assert "learning rate of the optimizer" in said and "last_batch_norm=True" in said
    assert "--" not in said and "base_learning_rate" not in said and "loss.temperature" not in said


@pytest.mark.slow
def test_a_fit_that_learns_is_left_alone():
    _, model = encoder_and_model(rate=0.1)
    assert heard(model, CollapseWarning(BATCH), epochs=30) == []


@pytest.mark.parametrize(
    "loss, batch, message",
    [
        (None, BATCH[:1], "one batch as `fit` takes it"),
        (SupConLoss(positives_cap=2), BATCH, "depends on the batch"),
    ],
)
def test_what_cannot_be_watched_is_refused(loss, batch, message):
    _, model = encoder_and_model()
    with pytest.raises(ValueError, match=message):
        fit(model, CollapseWarning(batch, loss=loss))


def test_a_name_that_is_not_in_the_logs_is_refused():
    with pytest.raises(ValueError, match="no 'projections_loss', but loss"):
        fit(encoder_and_model()[1], CollapseWarning(BATCH, monitor="projections_loss"))


def test_callbacks_of_one_process_may_have_batches_of_any_size(monkeypatch):
    # A graph that all callbacks shared was traced anew, from its second size on, for batches of no known size.
    _, model = encoder_and_model()
    told = []
    monkeypatch.setattr(PlateauWatch, "read", lambda watch, record: told.append(record) or "")
    for step in (1, 2, 3):
        callback = CollapseWarning((BATCH[0][::step], BATCH[1][::step]))
        callback.set_model(model)
        callback.set_params({"epochs": 3, "steps": 2})
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": 0.1})
        projections = tf.math.l2_normalize(model(callback.batch[0]), -1)
        expected = describe(projections, tf.cast(callback.batch[1], tf.int64))
        assert told[-1]["uniformity"] == pytest.approx(float(expected["uniformity"]), rel=1e-5)
    assert len({record["uniformity"] for record in told}) == 3


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_steps_are_counted_also_where_one_call_makes_several(at_once, monkeypatch):
    """6 steps an epoch, which 4 do not divide."""
    told = []
    monkeypatch.setattr(PlateauWatch, "read", lambda watch, record: told.append(record["step"]) or "")
    _, model = encoder_and_model()
    model.compile("sgd", SupConLoss(0.1), steps_per_execution=at_once)
    model.fit(np.repeat(BATCH[0], 2, 0), np.repeat(BATCH[1], 2), batch_size=4, epochs=3, verbose=0,
              callbacks=[CollapseWarning(BATCH)])  # fmt: skip
    assert told == [6, 12, 18]


def test_images_beside_a_model_of_views_are_refused_without_their_pixels():
    with pytest.raises(
        ValueError, match=r"images of shape \[24, 6\], but the model takes \[None, 2, 6\].*as `fit`"
    ) as told:
        fit(encoder_and_model()[1], CollapseWarning(SPLIT))
    assert len(str(told.value)) < 300


def test_one_view_is_refused():
    encoder, model = encoder_and_model()
    with pytest.raises(ValueError, match=r"two views or more .*images of shape \[24, 6\]. Give a batch of views"):
        fit(model, CollapseWarning((SPLIT[0], LABELS), project=encoder))


def words_of(momentum, **how):
    """What is said of a `fit` whose batch norm keeps so much of its averages."""
    layers = [tf.keras.Input([6]), tf.keras.layers.Dense(4), tf.keras.layers.BatchNormalization(momentum=momentum)]
    # Inputs of the batch norm differ by little from one that is far out: what averages at their start make nothing of.
    far = tf.keras.layers.Rescaling(1e-3, 5.0)
    encoder = tf.keras.Sequential([*layers[:2], far, layers[2]])
    views = tf.keras.Input([2, 6])
    model = tf.keras.Model(views, tf.keras.layers.TimeDistributed(encoder)(views))
    model.compile(tf.keras.optimizers.SGD(0.01), SupConLoss(0.1))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(model, CollapseWarning(BATCH), epochs=40, **how)
    return [str(one.message) for one in found if str(one.message).startswith("epoch ")]


@pytest.mark.slow
def test_what_is_equal_in_inference_alone_has_not_collapsed():
    (said,) = words_of(0.9999)
    assert said.startswith("epoch 25: in inference mode embeddings are nearly equal") and "set_batch_norm_mom" in said
    assert "collapsed" not in said and words_of(0.1) == []
