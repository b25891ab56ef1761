"""How good the classifier is: closed forms, plain counts, one answer on any number of replicas."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation.accuracy import accuracy_on, measures, precision_on
from supcon_tf.evaluation.average_precision import mean_average_precision
from tests.evaluation.splits import EXAMPLES, batches_of, networks_on, some_images


def accuracy(strategy, labels):
    networks = networks_on(strategy)
    return accuracy_on(networks, strategy=strategy, batches=batches_of(some_images(), labels))()["test_accuracy"]


def answers(strategy):
    return networks_on(strategy).classify(some_images(), training=False).numpy().argmax(1)


@pytest.mark.parametrize("offset, share", [(0, 1.0), (1, 0.0)])
def test_right_and_wrong_labels_are_told_apart(offset, share):
    """Closed form: the network's own answers are all right, and their successors all wrong."""
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    assert accuracy(strategy, (answers(strategy) + offset) % 3) == share


@pytest.mark.two_replicas_required
def test_two_replicas_count_as_one_device(two_replicas):
    one_device, labels = tf.distribute.OneDeviceStrategy("CPU:0"), np.arange(EXAMPLES) % 3
    expected = np.mean(answers(one_device) == labels)
    assert accuracy(one_device, labels) == accuracy(two_replicas, labels) == pytest.approx(expected)


def test_measures_of_classes_are_shares_of_images_and_the_mean_of_shares_of_classes():
    logits = np.eye(3)[[0, 0, 1, 2, 0, 0]]
    found = measures(logits, np.array([0, 0, 0, 0, 1, 0]))  # right: 3 of 5, and 0 of 1
    assert found == pytest.approx({"test_accuracy": 3 / 6, "test_mean_per_class_accuracy": (3 / 5 + 0) / 2})


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_label_sets_have_one_measure_on_one_device_and_on_two(two_replicas):
    images = some_images()
    labels = np.random.default_rng(1).choice([-1, 0, 1], (EXAMPLES, 3)).astype(np.float32)
    found = []
    for strategy in (tf.distribute.OneDeviceStrategy("CPU:0"), two_replicas):
        networks = networks_on(strategy)
        measure = precision_on(networks, strategy=strategy, batches=batches_of(images, labels))
        found.append(measure())
        assert measure() == found[-1]
    logits = networks.classify(images, training=False).numpy()
    expected = mean_average_precision(logits, labels)
    assert found[0]["test_mean_average_precision"] == found[1]["test_mean_average_precision"] == pytest.approx(expected)
    answers = np.where(labels < 0, -np.inf, logits).argmax(1)
    right = np.mean([labels[row, answer] == 1 for row, answer in enumerate(answers)])
    assert found[0]["test_accuracy"] == found[1]["test_accuracy"] == pytest.approx(right)
    assert mean_average_precision(logits, labels[::-1]) != pytest.approx(expected)  # control: order matters
