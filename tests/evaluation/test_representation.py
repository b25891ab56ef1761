"""Measures of a representation against plain loops, the diagnosis of training, closed forms and laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.evaluation import representation
from supcon_tf.evaluation.representation import (
    alignment,
    class_distances,
    effective_rank,
    neural_collapse,
    uniformity,
)
from supcon_tf.training import diagnostics


def clouds(count=90, classes=5, width=7):
    random = np.random.default_rng(8)
    labels = random.integers(0, classes, count)
    return random.normal(size=[count, width]) + 2 * np.cos(np.outer(labels, np.arange(1, width + 1))), labels


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pairs(labels, same):
    return [(i, j) for i, j in itertools.combinations(range(len(labels)), 2) if not same or labels[i] == labels[j]]


def test_alignment_and_uniformity_by_plain_loops():
    rows, labels = clouds()
    z = unit(rows)
    expected = np.mean([np.sum((z[i] - z[j]) ** 2) for i, j in pairs(labels, same=True)])
    assert alignment(rows, labels) == pytest.approx(expected, rel=1e-12)
    expected = np.log(np.mean([np.exp(-2 * np.sum((z[i] - z[j]) ** 2)) for i, j in pairs(labels, same=False)]))
    assert uniformity(rows) == pytest.approx(expected, rel=1e-12)


def test_they_are_those_of_the_diagnosis_of_training():
    rows, labels = clouds()
    z = unit(rows).astype(np.float32)
    theirs = diagnostics.describe(tf.constant(z[:, None]), tf.constant(labels))
    ours = {"alignment": alignment(z, labels), "uniformity": uniformity(z), "effective_rank": effective_rank(z)}
    assert ours == pytest.approx({name: float(theirs[name]) for name in ours}, rel=1e-5)


def test_effective_rank_by_the_singular_values():
    """An independent way: singular values of the rows themselves, squared, are eigenvalues of the second moment."""
    rows, _ = clouds()
    share = np.linalg.svd(rows, compute_uv=False) ** 2
    share /= share.sum()
    assert effective_rank(rows) == pytest.approx(np.exp(-np.sum(share * np.log(share))), rel=1e-10)
    assert effective_rank(rows.T) == pytest.approx(effective_rank(rows), rel=1e-10)  # fewer rows than columns


def test_distances_and_collapse_by_plain_loops():
    rows, labels = clouds()
    names = sorted(set(labels.tolist()))
    means = {c: sum(row for row, label in zip(rows, labels) if label == c) / sum(labels == c) for c in names}
    within, scatter = 0.0, np.zeros([7, 7])
    for row, label in zip(rows, labels):
        within += np.sum((row - means[label]) ** 2) / len(rows)
        scatter += np.outer(row - means[label], row - means[label]) / len(rows)
    between = np.mean([np.sum((means[a] - means[b]) ** 2) for a, b in itertools.combinations(names, 2)])
    centre = sum(means.values()) / len(names)
    spread = sum(np.outer(mean - centre, mean - centre) for mean in means.values()) / len(names)
    found = class_distances(rows, labels)
    assert found == pytest.approx({"within": within, "between": between, "ratio": within / between}, rel=1e-12)
    expected = np.trace(scatter @ np.linalg.pinv(spread, rcond=1e-10)) / len(names)
    assert neural_collapse(rows, labels) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_the_size_of_blocks_is_irrelevant(size, monkeypatch):
    rows, labels = clouds()

    def everything():
        return [alignment(rows, labels), uniformity(rows), effective_rank(rows), neural_collapse(rows, labels),
                *class_distances(rows, labels).values()]  # fmt: skip

    expected = everything()
    monkeypatch.setattr(representation, "BLOCK", size)
    assert everything() == pytest.approx(expected, rel=1e-12)


def test_closed_forms_of_collapse():
    """Every class one point: aligned, no distance within, rank that of the points."""
    labels = np.arange(60) % 4
    rows = 3 * np.eye(6)[labels]
    assert alignment(rows, labels) == pytest.approx(0, abs=1e-12) and effective_rank(rows) == pytest.approx(4)
    assert class_distances(rows, labels) == pytest.approx({"within": 0, "between": 18, "ratio": 0}, abs=1e-20)
    assert neural_collapse(rows, labels) == pytest.approx(0, abs=1e-20)
    assert uniformity(np.ones([5, 3])) == pytest.approx(0, abs=1e-12)
    assert effective_rank(np.ones([5, 3])) == pytest.approx(1, abs=1e-12)  # to rounding, which machines differ in


def test_a_hand_made_collapse():
    """Two classes at +-3, each of two images one step from its mean: S_W = 1, S_B = 9, K = 2."""
    rows, labels = np.array([[-4.0], [-2], [2], [4]]), [0, 0, 1, 1]
    assert neural_collapse(rows, labels) == pytest.approx(1 / 9 / 2)
    assert class_distances(rows, labels) == pytest.approx({"within": 1, "between": 36, "ratio": 1 / 36})


def test_rows_spread_evenly_have_a_uniformity_of_about_minus_4():
    rows = np.random.default_rng(0).normal(size=[400, 200])
    assert uniformity(rows) == pytest.approx(-4, abs=0.1) and 120 < effective_rank(rows) < 200


def test_laws():
    rows, labels = clouds()
    random = np.random.default_rng(0)
    order, turn = random.permutation(len(labels)), np.linalg.qr(random.normal(size=[7, 7]))[0]

    def everything(rows, labels):
        return [alignment(rows, labels), uniformity(rows), effective_rank(rows), neural_collapse(rows, labels),
                *class_distances(rows, labels).values()]  # fmt: skip

    expected = everything(rows, labels)
    assert everything(rows[order], labels[order]) == pytest.approx(expected, rel=1e-9)
    assert everything(rows @ turn, labels * 10 + 3) == pytest.approx(expected, rel=1e-9)
    lengths = random.uniform(0.5, 2, [len(rows), 1])
    assert alignment(rows * lengths, labels) == pytest.approx(expected[0]) != alignment(rows, labels[order])
    assert class_distances(5 * rows + 1, labels)["ratio"] == pytest.approx(expected[-1], rel=1e-9)


def test_any_invertible_map_leaves_the_collapse_as_it_is():
    """Where there are more classes than dimensions, so that S_B has an inverse."""
    rows, labels = clouds(count=200, classes=9, width=4)
    stretch = np.random.default_rng(0).normal(size=[4, 4])
    assert neural_collapse(rows @ stretch + 5, labels) == pytest.approx(neural_collapse(rows, labels), rel=1e-9)
    assert class_distances(rows @ stretch, labels)["ratio"] != pytest.approx(class_distances(rows, labels)["ratio"])


@pytest.mark.parametrize(
    "measure, rows, labels, message",
    [
        (alignment, np.eye(3), [0, 1, 2], "no class has two images; got 3 images of 3 classes"),
        (alignment, np.zeros([2, 3]), [0, 0], "must have a direction; 2 rows are 0"),
        (uniformity, np.ones([1, 3]), None, "two rows or more to make a pair; got 1"),
        (uniformity, np.eye(3) * [1, 0, 1], None, "1 rows are 0. Leave them out"),
        (effective_rank, np.zeros([4, 2]), None, r"must not be all 0.*got \[4, 2\]"),
        (class_distances, np.eye(3), [1, 1, 1], "two classes or more; got 1"),
        (neural_collapse, np.ones([4, 2]), [0, 0, 1, 1], "class means must differ"),
        (neural_collapse, np.eye(3), [0, 1], r"labels must be \[3\]"),
        (class_distances, [[np.nan], [1.0]], [0, 1], "features must be finite"),
    ],
)
def test_what_means_nothing_is_refused(measure, rows, labels, message):
    with pytest.raises(ValueError, match=message):
        measure(rows) if labels is None else measure(rows, labels)
