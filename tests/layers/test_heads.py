"""Heads against NumPy, their initial weights, their precision, and saving."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.layers.heads import ClassificationHead, ProjectionHead


def _features(rows=6, width=10):
    return np.random.default_rng(0).normal(size=(rows, width)).astype("f4")


def _plain_projection(features, head):
    """The head row by row in float64, without batch norm."""
    out = []
    for row in features.astype("f8"):
        for number, dense in enumerate(head.dense, 1):
            weights = [np.array(weight, "f8") for weight in dense.get_weights()]
            row = np.array([sum(row[i] * weights[0][i, j] for i in range(len(row))) for j in range(dense.units)])
            if number < len(head.dense):
                row = np.maximum(row + weights[1], 0)
        out.append(row / np.sqrt(sum(row**2)))
    return np.array(out)


def _randomise(layer):
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(size=weight.shape).astype("f4") for weight in layer.get_weights()])


@pytest.mark.parametrize("widths", [(4,), (8, 4), (8, 6, 4)])
def test_projection_equals_the_plain_one(widths):
    head = ProjectionHead(widths=widths)
    head.build((None, 10))
    _randomise(head)
    z = head(_features())
    assert z.dtype == tf.float32 and z.shape == (6, widths[-1])
    np.testing.assert_allclose(z, _plain_projection(_features(), head), rtol=1e-4, atol=1e-6)


def test_linear_head_is_one_kernel_and_ignores_the_length_of_features():
    head = ProjectionHead(widths=(128,))
    z = head(_features())
    assert [tuple(weight.shape) for weight in head.trainable_variables] == [(10, 128)]
    np.testing.assert_allclose(head(7 * _features()), z, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head(-_features()), -z, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("widths", "use_batch_norm", "trainable"),
    [
        ((2048, 128), False, 512 * 2048 + 2048 + 2048 * 128),
        ((2048, 128), True, 512 * 2048 + 2 * 2048 + 2048 * 128),
        ((2048, 2048, 128), True, 512 * 2048 + 2048 * 2048 + 4 * 2048 + 2048 * 128),
    ],
)
def test_projection_has_biases_only_where_no_batch_norm_follows_and_never_last(widths, use_batch_norm, trainable):
    head = ProjectionHead(widths=widths, use_batch_norm=use_batch_norm)
    head.build((None, 512))
    assert sum(int(np.prod(weight.shape)) for weight in head.trainable_variables) == trainable


@pytest.mark.parametrize("use_batch_norm", [False, True])
def test_last_batch_norm_is_of_the_last_layer_and_has_no_offset(use_batch_norm):
    """The head of SimCLR's code is both: batch norm on every layer, with an offset where a ReLU follows."""
    head = ProjectionHead(widths=(16, 8), use_batch_norm=use_batch_norm, last_batch_norm=True)
    head.build((None, 10))
    shapes = [tuple(weight.shape) for weight in head.trainable_variables]
    first = [(10, 16), (16,), (16,)] if use_batch_norm else [(10, 16), (16,)]
    assert sorted(shapes) == sorted([*first, (16, 8), (8,)])
    assert head.norm2.beta is None and [norm.name for norm in head.norms][-1] == "norm2"


def _start(features, **how):
    """Median similarity of pairs of rows of a head at its start, and the mean row's length."""
    tf.keras.utils.set_random_seed(0)
    z = np.array(ProjectionHead(widths=(64, 32), cross_replica_batch_norm=False, **how)(features, training=True))
    return np.median((z @ z.T)[np.triu_indices(len(z), 1)]), np.linalg.norm(z.mean(0))


@pytest.mark.parametrize("kernels", ["small", "he"])
@pytest.mark.parametrize("unit", [False, True])
def test_last_batch_norm_starts_rows_spread_that_would_start_nearly_equal(kernels, unit):
    """Features as a pooled ReLU leaves them: none negative, one large direction. The controls start near collapse."""
    features = np.random.default_rng(0).gamma(9.0, 0.1, size=(128, 64)).astype("f4")
    features /= np.linalg.norm(features, axis=1, keepdims=True) if unit else 1
    similarity, length = _start(features, kernels=kernels, last_batch_norm=True)
    assert abs(similarity) < 0.1 and length < 0.1
    assert _start(features, kernels=kernels)[0] > 0.9
    assert _start(features, kernels=kernels, use_batch_norm=True)[0] > 0.2  # between the layers is not enough


def test_a_spread_head_is_the_plain_one_about_its_mean():
    """Float64, column by column: the last dense layer's outputs less their mean, over their deviation, times gamma."""
    head = ProjectionHead(widths=(8, 4), last_batch_norm=True, cross_replica_batch_norm=False)
    head.build((None, 10))
    _randomise(head)
    features = _features(32)
    first, bias, last = (np.array(w, "f8") for w in (head.dense1.kernel, head.dense1.bias, head.dense2.kernel))
    rows = np.maximum(features.astype("f8") @ first + bias, 0) @ last
    rows = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5) * np.array(head.norm2.gamma, "f8")
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(head(features, training=True), expected, rtol=1e-3, atol=1e-5)
    assert np.abs(head(features) - expected).max() > 1e-2  # the control: moving averages are others


def test_projection_kernels_of_he_have_variance_two_by_inputs():
    head = ProjectionHead(widths=(256, 128), kernels="he")
    head.build((None, 300))
    for dense, inputs in zip(head.dense, (300, 256)):
        np.testing.assert_allclose(np.array(dense.kernel).std(), np.sqrt(2 / inputs), rtol=0.02)


def test_projection_kernels_start_with_deviation_a_hundredth():
    head = ProjectionHead(widths=(256, 128))
    head.build((None, 300))
    first, bias, last = (np.array(weight) for weight in head.get_weights())
    for kernel in (first, last):
        np.testing.assert_allclose(kernel.std(), 0.01, rtol=0.02)
        np.testing.assert_allclose(kernel.mean(), 0, atol=3e-4)
    assert not bias.any()


def test_batch_norm_of_the_projection_follows_training():
    head = ProjectionHead(widths=(32, 4), use_batch_norm=True, cross_replica_batch_norm=False)
    features = _features(64) + 5
    at_rest = head(features, training=False)
    np.testing.assert_array_equal(head.norms[0].moving_mean, np.zeros(32))
    np.testing.assert_array_equal(at_rest, head(features))  # Inference is the default.
    trained = head(features, training=True)
    hidden = features @ np.array(head.dense[0].kernel)
    np.testing.assert_allclose(head.norms[0].moving_mean, 0.1 * hidden.mean(0), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(tf.norm(trained, axis=-1), np.ones(64), rtol=1e-5)
    hidden = np.maximum((hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5), 0) @ np.array(head.dense[1].kernel)
    np.testing.assert_allclose(trained, hidden / np.linalg.norm(hidden, axis=1, keepdims=True), rtol=1e-3, atol=1e-4)


def test_heads_are_float32_under_a_mixed_policy():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        projection, classifier = ProjectionHead(widths=(8, 4), use_batch_norm=True), ClassificationHead(3)
        features = tf.cast(_features(), tf.bfloat16)
        projected, logits = projection(features, training=True), classifier(features)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert projected.dtype == logits.dtype == tf.float32
    exact = tf.cast(features, tf.float32).numpy() @ np.array(classifier.dense.kernel)
    np.testing.assert_allclose(logits, exact, rtol=1e-4, atol=1e-5)  # bfloat16 products would be off by 1e-2.


def test_classifier_is_affine_with_glorot_kernel():
    head = ClassificationHead(40)
    logits = head(_features(width=200))
    kernel, bias = (np.array(weight) for weight in head.get_weights())
    limit = np.sqrt(6 / 240)
    assert 0.95 * limit < np.abs(kernel).max() <= limit and not bias.any()
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.03)
    head.set_weights([kernel, np.arange(40, dtype="f4")])
    np.testing.assert_allclose(head(_features(width=200)) - logits, np.tile(np.arange(40), (6, 1)), atol=1e-4)


def test_classifier_with_zero_init_is_undecided():
    assert not np.any(ClassificationHead(5, zero_init=True)(_features()))


def test_variables_have_telling_names():
    head = ProjectionHead(widths=(8, 4))
    head.build((None, 10))
    names = [getattr(variable, "path", variable.name) for variable in head.trainable_variables]
    assert [name.split("/")[-2] for name in names] == ["dense1", "dense1", "dense2"]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (ProjectionHead, {"widths": [8, 4], "use_batch_norm": True, "cross_replica_batch_norm": False}),
        (ProjectionHead, {"widths": [4], "use_batch_norm": False, "cross_replica_batch_norm": True}),
        (ProjectionHead, {"widths": [8, 4], "last_batch_norm": True, "kernels": "he"}),
        (ClassificationHead, {"classes": 3, "zero_init": True}),
    ],
)
def test_heads_survive_saving(kind, arguments, tmp_path):
    features = tf.keras.Input((10,))
    model = tf.keras.Model(features, kind(**arguments, name="head")(features))
    _randomise(model)
    model.save(tmp_path / "model.keras")
    restored = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored(_features()), model(_features()), rtol=1e-5, atol=1e-6)
    config = restored.get_layer("head").get_config()
    assert {name: config[name] for name in arguments} == arguments
    assert kind.from_config(config).get_config() == config


def test_a_checkpoint_holds_every_weight(tmp_path):
    """Moving averages of batch norm too, which no optimizer holds."""
    heads = [ProjectionHead(widths=(8, 6, 4), use_batch_norm=True, last_batch_norm=True) for _ in range(2)]
    for head in heads:
        head.build((None, 10))
    _randomise(heads[0])
    path = tf.train.Checkpoint(head=heads[0]).write(str(tmp_path / "head"))
    tf.train.Checkpoint(head=heads[1]).read(path).assert_existing_objects_matched()
    assert len(heads[1].weights) == 3 + 2 * 4 + 3  # the last batch norm has no offset
    for saved, restored in zip(heads[0].get_weights(), heads[1].get_weights()):
        np.testing.assert_array_equal(saved, restored)


def test_errors_say_what_is_wanted():
    with pytest.raises(ValueError, match=r"at least one layer, such as \(2048, 128\); got \(\)"):
        ProjectionHead(widths=())
    with pytest.raises(ValueError, match=r"units \(>= 1\).*got \(8, 0\)"):
        ProjectionHead(widths=(8, 0))
    with pytest.raises(ValueError, match=r"`kernels` must be one of small, he; got 'hee'. Did you mean 'he'"):
        ProjectionHead(kernels="hee")
    with pytest.raises(ValueError, match=r"`classes` must be >= 1.*got 0"):
        ClassificationHead(0)
