"""When callbacks look, and at whose features."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.callbacks.embedding_map import EmbeddingMap
from supcon_tf.callbacks.encoders import LooksAtFeatures, texts_of, wanted_instead
from supcon_tf.callbacks.knn_accuracy import KNNAccuracy
from supcon_tf.callbacks.projector_log import ProjectorLog
from tests.callbacks.fits import LABELS, SPLIT, encoder_and_model, fit


class Seen(LooksAtFeatures):
    """Notes its looks."""

    def on_epoch_end(self, epoch, logs=None):
        if self.due(epoch):
            self.seen = [*getattr(self, "seen", []), (epoch, self.features(SPLIT, "data")[0])]


def test_it_looks_every_so_often_and_at_the_end():
    encoder, model = encoder_and_model()
    seen = Seen(every=2, encoder=encoder)
    fit(model, seen, epochs=5)
    assert [epoch for epoch, _ in seen.seen] == [1, 3, 4]
    assert np.abs(seen.seen[0][1] - seen.seen[1][1]).max() > 1e-4  # as it is now, not as it was
    np.testing.assert_allclose(seen.seen[-1][1], encoder(SPLIT[0]), rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda **how: KNNAccuracy(SPLIT, SPLIT, neighbours=5, **how),
        lambda **how: ProjectorLog("unused", SPLIT, **how),
        lambda **how: EmbeddingMap("unused", tf.data.Dataset.from_tensors(SPLIT), **how),
    ],
)
def test_images_beside_a_model_of_views_are_refused_with_what_to_give(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder, model = encoder_and_model()
    with pytest.raises(
        ValueError, match=r"looks at images, .*\[24, 6\], but the model takes \[None, 2, 6\].*encoder="
    ) as told:
        fit(model, make())
    assert len(str(told.value)) < 300 and not list(tmp_path.iterdir())
    fit(model, make(encoder=encoder), epochs=1)
    with pytest.raises(ValueError, match=r"but the encoder takes \[None, 5\]\.$"):
        fit(model, make(encoder=tf.keras.Sequential([tf.keras.Input([5]), tf.keras.layers.Dense(2)])))


def test_what_a_network_wants_is_said_only_where_it_is_known():
    network = tf.keras.Sequential([tf.keras.Input([4, 4, 1]), tf.keras.layers.Flatten()])
    assert wanted_instead(network, np.zeros([3, 4, 4])) == []  # Keras adds the channel
    assert wanted_instead(network, np.zeros([3, 5, 5, 1])) == [None, 4, 4, 1]
    assert wanted_instead(tf.keras.layers.Dense(2), np.zeros([3, 4])) == []
    assert wanted_instead(lambda images: images, np.zeros([3, 4])) == []


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`every` must be 1 or more"):
        Seen(every=0)
    with pytest.raises(ValueError, match="name every class"):
        texts_of(np.array([2]), ["a", "b"])


FEW = tuple(part[:3] for part in SPLIT)
BATCHES = tf.data.Dataset.from_tensor_slices(SPLIT).batch(8)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda folder, **how: KNNAccuracy(SPLIT, SPLIT, **how),
            "from 1 to 24, the number of images in `train`; got 200",
        ),
        (lambda folder, **how: KNNAccuracy(BATCHES, BATCHES, neighbours=25, **how), "from 1 to 24, .* got 25"),
        (
            lambda folder, **how: KNNAccuracy(SPLIT, SPLIT, neighbours=0, **how),
            "1 or more and `temperature` above 0; got 0, 0.1",
        ),
        (lambda folder, **how: KNNAccuracy(BATCHES.repeat(), SPLIT, neighbours=5, **how), "`train` never ends"),
        (
            lambda folder, **how: KNNAccuracy(SPLIT, (SPLIT[0], LABELS + 0.5), neighbours=24, **how),
            "labels of `test` must be whole numbers",
        ),
        (lambda folder, **how: KNNAccuracy(SPLIT, SPLIT, neighbours=24, temperature=0, **how), "got 24, 0"),
        (lambda folder, **how: EmbeddingMap(folder, FEW, **how), "a map needs 4 images or more; `data` has 3"),
        (lambda folder, **how: EmbeddingMap(folder, BATCHES, class_names="ab", **how), "name every class"),
        (lambda folder, **how: ProjectorLog(folder, SPLIT, class_names="ab", **how), "name every class"),
        (lambda folder, **how: ProjectorLog(folder, SPLIT[:1], **how), "`data` must be \\(images, labels\\)"),
    ],
)
def test_what_a_look_would_refuse_is_refused_before_the_first_step(make, message, tmp_path):
    encoder, model = encoder_and_model()
    before = encoder.get_weights()[0]
    with pytest.raises(ValueError, match=message):
        fit(model, make(tmp_path, every=5, encoder=encoder), epochs=5)
    np.testing.assert_array_equal(encoder.get_weights()[0], before)
    assert not any(tmp_path.iterdir())
