"""What a contrastive model refuses, when, and that the right call works afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import supcon_tf as sc
from supcon_tf.keras_generations import KERAS_3
from supcon_tf.losses.supcon import SupConLoss
from tests.models.models_to_train import LABELS, VIEWS, small


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"classes": 1}, "`classes` must be 2 or more"),
        ({"microbatches": 0}, "`microbatches` 1 or more"),
        ({"momentum": 1.0}, "`momentum` must be from 0 to below 1"),
        ({"projection": "mlp"}, "`projection` must be a layer"),
        ({"augment": "sim_augment"}, r"`augment` must be a layer.*sc.TwoViews\('sim_augment', size=6\)"),
    ],
)
def test_options_that_mean_nothing_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    "x, y, arguments, message",
    [
        (VIEWS, None, {}, "`labels` are missing"),
        (VIEWS[:, 0], LABELS, {}, "one view each, and this model has no `augment`"),
        (VIEWS[..., 0], LABELS, {}, "one view each"),
        (VIEWS[:, 0, :, :, 0], LABELS, {}, "cannot be trained on"),
        (VIEWS, LABELS, {"classes": 2}, "labels must be from 0 to 1; got 0 to 2"),
        (VIEWS[:1], LABELS[:1], {}, "2 images or more"),
        (VIEWS, np.array(["cat", "dog"] * 11), {}, r"`labels` must be numbers; got string.*numpy\.unique"),
        (VIEWS[:, 0] * 255, LABELS, {"augment": sc.TwoViews("crop_flip", size=6)}, "go from 0.* to 25"),
        (VIEWS, LABELS, {"microbatches": 2}, "drop_remainder=True"),
        (VIEWS, LABELS, {"penalty": 0.1, "microbatches": 22}, "unknown size|cannot be cut"),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused_in_a_line(x, y, arguments, message):
    model = small(**arguments)
    model.compile("sgd")
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(x, y, verbose=0)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "weights", [{"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}, {"sample_weight": np.ones(22)}], ids=str
)
def test_after_what_was_refused_the_right_call_works(weights):
    model = small(norm=False)
    model.compile("sgd")
    with pytest.raises(ValueError, match="no `sample_weight` and no `class_weight`"):
        model.fit(VIEWS, LABELS, verbose=0, **weights)
    assert np.isfinite(model.fit(VIEWS, LABELS, verbose=0).history["loss"][0])


def test_after_a_step_that_could_not_be_traced_the_next_call_works():
    """Unlike micro-batches are seen as the step is traced; half a graph must not stay."""
    model = small(norm=False, microbatches=2)
    model.compile("sgd")
    with pytest.raises(ValueError, match="drop_remainder=True"):
        model.fit(VIEWS, LABELS, verbose=0)
    data = tf.data.Dataset.from_tensor_slices((VIEWS, LABELS)).batch(8, drop_remainder=True)
    assert np.isfinite(model.fit(data, verbose=0).history["loss"][0])


def test_after_a_refused_evaluation_the_right_one_works():
    model = small(norm=False)
    model.compile("sgd")
    with pytest.raises(ValueError, match="one view each"):
        model.evaluate(VIEWS[:, 0], LABELS, verbose=0)
    assert np.isfinite(model.evaluate(VIEWS, LABELS, verbose=0))


def test_another_loss_is_refused():
    with pytest.raises(ValueError, match=r"minimises `SupConLoss`.* got 'mse'"):
        small().compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="minimises `SupConLoss`"):
        small(loss="mse")


@pytest.mark.parametrize(
    "metric", ["accuracy", tf.keras.metrics.SparseCategoricalAccuracy(), tf.keras.metrics.sparse_categorical_accuracy]
)
def test_metrics_of_predictions_are_refused_by_compile(metric):
    with pytest.raises(ValueError, match=r"are given .labels, projections .*classes=C"):
        small().compile("sgd", metrics=[metric])
    with pytest.raises(ValueError, match="of the joint classifier is shown without it"):
        small(classes=3).compile("sgd", metrics=[metric])


def test_a_missing_loss_is_that_of_the_model_whatever_was_compiled_before():
    model = small(norm=False)
    model.compile("sgd")
    expected = model.evaluate(VIEWS[:8], LABELS[:8], verbose=0)
    model.compile("sgd", SupConLoss(1.0))
    assert abs(model.evaluate(VIEWS[:8], LABELS[:8], verbose=0) - expected) > 0.1
    model.compile("sgd", metrics=[sc.metrics.Alignment()])
    assert model.evaluate(VIEWS[:8], LABELS[:8], verbose=0, return_dict=True)["loss"] == pytest.approx(
        expected, rel=1e-5
    )


def test_a_loaded_model_is_compiled_as_it_was(tmp_path):
    model = small(norm=False)
    model.compile(tf.keras.optimizers.Adam(0.01), SupConLoss(0.7), metrics=[sc.metrics.Alignment()])
    model.fit(VIEWS[:8], LABELS[:8], batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert int(loaded.optimizer.iterations) == 1 and loaded.loss.get_config() == model.loss.get_config()
    for one in (model, loaded):
        one.fit(VIEWS[:8], LABELS[:8], batch_size=8, verbose=0)
    for found, expected in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    names = loaded.evaluate(VIEWS[:8], LABELS[:8], verbose=0, return_dict=True)
    assert set(names) == {"loss", "alignment"}


@pytest.mark.skipif(not KERAS_3, reason="optimizers of Keras 2 accumulate nothing")
@pytest.mark.parametrize("scaled", [False, True])
def test_accumulation_of_gradients_is_refused_in_a_line(scaled):
    model = small()
    optimizer = tf.keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    model.compile(tf.keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    with pytest.raises(ValueError, match=r"^`gradient_accumulation_steps` .* SupConModel\(microbatches=k\)") as raised:
        model.fit(VIEWS[:8], LABELS[:8], verbose=0)
    assert len(str(raised.value).splitlines()) == 1
