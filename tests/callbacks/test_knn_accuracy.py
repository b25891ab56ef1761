"""Accuracy of neighbours in the logs of a `fit`."""

from __future__ import annotations

from supcon_tf.callbacks.knn_accuracy import KNNAccuracy
from supcon_tf.evaluation.encoder import nearest_neighbours
from tests.callbacks.fits import SPLIT, encoder_and_model, fit


def test_the_logs_have_the_accuracy_of_the_features_as_they_are():
    encoder, model = encoder_and_model()
    history = fit(model, KNNAccuracy(SPLIT, SPLIT, every=2, neighbours=5, encoder=encoder), epochs=3)
    assert len(history["val_knn_accuracy"]) == 2
    expected = nearest_neighbours(encoder, SPLIT, SPLIT, neighbours=5, temperature=0.1)["top1"]
    assert history["val_knn_accuracy"][-1] == expected > 0.9
