"""The figures of a batch against plain float64 loops and closed forms; which steps are looked at; two replicas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training import diagnostics
from supcon_tf.training.diagnostics import describe, effective_rank

LABELS = [0, 1, 0, -1, 2, 0, 1]  # one image is unlabelled, one the only one of its class


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def projections(images=7, views=2, width=5, seed=0):
    return unit(np.random.default_rng(seed).normal(size=[images, views, width]))


def oracle(projections, labels, kept_images=None):
    """Everything by plain loops in float64, from the definitions."""
    images, views, width = projections.shape
    rows, places = projections.reshape(-1, width), range(images * views)

    def positives(i):
        """P(i): other views of the image, and of the first `kept_images` other images of its class."""
        image = i // views
        others = [j for j in range(images) if j != image and labels[j] == labels[image] >= 0][:kept_images]
        return [j for j in places if j != i and (j // views == image or j // views in others)]

    count = [len(positives(i)) for i in places]
    pairs = list(itertools.combinations(places, 2))
    is_positive = {(i, j): j in positives(i) or i in positives(j) for i, j in pairs}
    same_class = {(i, j): i // views == j // views or labels[i // views] == labels[j // views] >= 0 for i, j in pairs}
    positive = [rows[i] @ rows[j] for i, j in pairs if is_positive[i, j]]
    negative = [rows[i] @ rows[j] for i, j in pairs if not same_class[i, j]]
    singular = np.linalg.svd(rows.T @ rows, compute_uv=False)
    share = singular / singular.sum()
    found = {
        "alignment": np.mean([np.sum((rows[i] - rows[j]) ** 2) for i, j in pairs if is_positive[i, j]]),
        "uniformity": np.log(np.mean([np.exp(-2 * np.sum((rows[i] - rows[j]) ** 2)) for i, j in pairs])),
        "effective_rank": np.exp(-sum(p * np.log(p) for p in share if p > 0)),
        "positives_min": min(count),
        "positives_mean": np.mean(count),
        "positives_none": np.mean([n == 0 for n in count]),
    }
    for name, values in (("positive_similarity", positive), ("negative_similarity", negative)):
        found |= {f"{name}_p{q}": np.percentile(values, q) if values else math.nan for q in (5, 50, 95)}
    return found


def described(rows, labels, **how):
    found = describe(tf.constant(rows, tf.float32), tf.constant(labels, tf.int64), **how)
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("views, kept_images", [(1, None), (2, None), (3, None), (2, 1)])
def test_every_figure_is_that_of_plain_loops(views, kept_images):
    rows = projections(views=views)
    found, expected = described(rows, LABELS, kept_images=kept_images), oracle(rows, LABELS, kept_images)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-5), name
    assert (found["positives_none"] > 0) == (views == 1)


@pytest.mark.parametrize("most", [512, 9])
def test_a_graph_that_does_not_know_the_batch_finds_the_same(most, monkeypatch):
    monkeypatch.setattr(diagnostics, "SAMPLE_ROWS", most)
    spec = (tf.TensorSpec([None, 2, 5]), tf.TensorSpec([None], tf.int64))
    found = tf.function(describe, input_signature=spec)(
        tf.constant(projections(), tf.float32), tf.constant(LABELS, tf.int64)
    )
    assert {n: float(v) for n, v in found.items()} == pytest.approx(
        described(projections(), LABELS), rel=1e-5, abs=1e-5
    )


def test_equal_rows_have_rank_1_and_no_distance():
    rows = np.tile(unit(np.arange(1.0, 6)), [6, 2, 1])
    found = described(rows, [0, 0, 1, 1, 2, 2])
    assert found["effective_rank"] == pytest.approx(1, abs=1e-4)
    for name in ("alignment", "uniformity"):
        assert found[name] == pytest.approx(0, abs=1e-5)
    assert found["negative_similarity_p5"] == found["positive_similarity_p95"] == pytest.approx(1)


@pytest.mark.parametrize("count, width", [(40, 8), (8, 40)])
def test_the_effective_rank_of_orthogonal_rows_is_their_number(count, width):
    rows = np.eye(max(count, width))[:count, :width]
    rows = np.tile(np.eye(width), [count // width, 1]) if count > width else rows
    assert float(effective_rank(tf.constant(rows, tf.float32))) == pytest.approx(min(count, width), rel=1e-5)


def test_rows_of_a_dead_network_have_rank_1():
    assert float(effective_rank(tf.zeros([4, 3]))) == 1.0


def test_pairs_are_those_of_the_first_rows_and_counts_those_of_all(monkeypatch):
    monkeypatch.setattr(diagnostics, "SAMPLE_ROWS", 9)  # four images in two views
    rows, labels = projections(), [0, 0, 1, 1, 0, 0, 0]
    found, first = described(rows, labels), oracle(rows[:4], labels[:4])
    for name in ("alignment", "uniformity", "negative_similarity_p50", "positive_similarity_p95"):
        assert found[name] == pytest.approx(first[name], rel=1e-5), name
    whole = oracle(rows, labels)
    for name in ("positives_mean", "positives_min", "effective_rank"):
        assert found[name] == pytest.approx(whole[name], rel=1e-5), name


def test_with_label_sets_a_positive_is_who_shares_a_label():
    sets = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0]], np.float32)
    rows = projections(images=5)
    found = {name: float(value) for name, value in describe(tf.constant(rows, tf.float32), tf.constant(sets)).items()}
    shared = [[i != j and bool(sets[i] @ sets[j]) for j in range(5)] for i in range(5)]
    count = [1 + 2 * sum(row) for row in shared]  # the other view of the image, and both of those that share a label
    assert (found["positives_min"], found["positives_mean"]) == (1, pytest.approx(np.mean(count)))
    similarity = rows.reshape(10, 5) @ rows.reshape(10, 5).T
    positive = [similarity[i, j] for i in range(10) for j in range(i) if i // 2 == j // 2 or shared[i // 2][j // 2]]
    assert found["alignment"] == pytest.approx(np.mean(2 - 2 * np.array(positive)), rel=1e-5)
    one_hot = {n: float(v) for n, v in describe(tf.constant(rows, tf.float32), tf.one_hot([0, 1, 0, 2, 2], 3)).items()}
    assert one_hot == pytest.approx(described(rows, [0, 1, 0, 2, 2]), rel=1e-6)
