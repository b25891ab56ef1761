"""The vote of neighbours against plain NumPy and scikit-learn, however training images are cut into batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation import knn
from tests.tiny import SIDE, tiny_networks

CLASSES, TRAIN, TEST, BATCH = 3, 37, 13, 8


def clouds(count, seed):
    """Unit rows [count, 5] and labels [count]: overlapping clouds, one a class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    rows = random.normal(size=[count, 5]) + 0.8 * np.eye(5)[labels]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def oracle(queries, rows, labels, neighbours, temperature):
    """Wu et al. (2018) by a plain loop in float64."""
    voted = []
    for query in queries.astype(np.float64):
        similarity = rows.astype(np.float64) @ query
        nearest = np.argsort(-similarity, kind="stable")[:neighbours]
        votes = np.zeros(CLASSES)
        for place in nearest:
            votes[labels[place]] += np.exp(similarity[place] / temperature)
        voted.append(votes.argmax())
    return np.array(voted)


def voted(queries, rows, labels, neighbours, temperature, size):
    best = knn.nobody(queries, neighbours)
    for start in range(0, len(rows), size):
        part, theirs = rows[start : start + size], labels[start : start + size]
        padding = size - len(part)
        part = np.concatenate([part, np.tile(queries[:1], [padding, 1])])  # nearest of all, were it not left out
        weights = np.concatenate([np.ones(len(theirs)), np.zeros(padding)])
        theirs = np.concatenate([theirs, np.zeros(padding, np.int64)])
        best = knn.merged(queries, best, part, tf.constant(theirs), tf.constant(weights, tf.float32))
    return knn.vote(*best, classes=CLASSES, temperature=temperature).numpy()


@pytest.mark.parametrize("size", [1, 16, 500])
@pytest.mark.parametrize("neighbours, temperature", [(1, 0.1), (20, 0.07), (20, 1.0), (200, 0.01)])
def test_votes_are_those_of_plain_loops(size, neighbours, temperature):
    queries, _ = clouds(90, 1)
    rows, labels = clouds(200, 2)
    expected = oracle(queries, rows, labels, neighbours, temperature)
    np.testing.assert_array_equal(voted(queries, rows, labels, neighbours, temperature, size), expected)
    assert len(set(expected)) == CLASSES


def test_with_equal_votes_it_is_scikit_learns():
    """A temperature of infinity. On unit rows the nearest by distance are the nearest by cosine."""
    from sklearn.neighbors import KNeighborsClassifier

    queries, _ = clouds(90, 1)
    rows, labels = clouds(200, 2)
    theirs = KNeighborsClassifier(15).fit(rows, labels).predict(queries)
    ours = voted(queries, rows, labels, 15, math.inf, 64)
    np.testing.assert_array_equal(ours, theirs)
    assert (ours != oracle(queries, rows, labels, 15, 0.02)).any()  # control: weights matter


def padded_batches(images, labels):
    def batches(context):
        missing = -len(images) % BATCH
        filled = np.concatenate([images, np.zeros([missing, *images.shape[1:]], np.float32)])
        weights = np.concatenate([np.ones(len(images)), np.zeros(missing)]).astype(np.float32)
        columns = (filled, np.concatenate([labels, np.zeros(missing, np.int64)]), weights)
        return tf.data.Dataset.from_tensor_slices(columns).batch(context.get_per_replica_batch_size(BATCH))

    return batches


def accuracy_and_oracle(strategy):
    random = np.random.default_rng(3)
    data = []
    for count in (TRAIN, TEST):
        labels = random.integers(0, CLASSES, count)
        images = random.normal(size=[count, SIDE, SIDE, 1]) + 1.5 * np.cos(labels)[:, None, None, None]
        data.append((images.astype(np.float32), labels))
    with strategy.scope():
        networks = tiny_networks()
    measure = knn.knn_accuracy_on(
        networks, strategy=strategy, train_batches=padded_batches(*data[0]), test_batches=padded_batches(*data[1]),
        classes=CLASSES, neighbours=5, temperature=0.1,
    )  # fmt: skip
    rows, queries = (networks.features(images, training=False).numpy() for images, _ in data)
    expected = np.mean(oracle(queries, rows, data[0][1], 5, 0.1) == data[1][1])
    return measure, expected


def test_accuracy_is_that_of_plain_loops_and_follows_the_encoder():
    measure, expected = accuracy_and_oracle(tf.distribute.OneDeviceStrategy("CPU:0"))
    assert measure()["knn_accuracy"] == pytest.approx(expected) and 0.34 < expected < 1
    assert measure() == measure()


@pytest.mark.slow
@pytest.mark.two_replicas_required
def test_two_replicas_find_the_same_neighbours(two_replicas):
    measure, expected = accuracy_and_oracle(two_replicas)
    assert measure()["knn_accuracy"] == pytest.approx(expected)
