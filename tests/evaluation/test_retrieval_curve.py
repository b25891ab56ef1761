"""The curve of precision at k against plain loops and `retrieval`; the pictured queries follow their stated rule."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation.retrieval import retrieval
from supcon_tf.evaluation.retrieval_curve import nearest_others, retrieval_curve
from tests.evaluation.test_retrieval import clouds


def ranking(features):
    """The other rows of each row, the nearest first, in float64 and one at a time."""
    rows = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    for query in range(len(rows)):
        others = [i for i in range(len(rows)) if i != query]
        yield sorted(others, key=lambda i: -(rows[i] @ rows[query]))


def oracle(features, labels, most):
    """Precision at 1 to `most` by its words; a query without a mate is left out."""
    found = []
    for query, order in enumerate(ranking(features)):
        if sum(label == labels[query] for label in labels) > 1:
            right = [labels[i] == labels[query] for i in order]
            found.append([sum(right[:k]) / k for k in range(1, most + 1)])
    return np.mean(found, axis=0)


def test_plain_loops():
    features, labels = clouds()
    found = retrieval_curve(features, labels, most=40)
    assert found["k"] == list(range(1, 41))
    np.testing.assert_allclose(found["precision"], oracle(features, labels, 40), rtol=1e-12)
    wrong = retrieval_curve(features, np.random.default_rng(0).permutation(labels), most=40)
    assert sum(wrong["precision"]) < sum(found["precision"])  # control


def test_the_nearest_are_those_of_plain_loops():
    features, _ = clouds()
    numbers, cosines = nearest_others(features, most=7)
    assert numbers.tolist() == [order[:7] for order in ranking(features)]
    assert np.all(np.diff(cosines, axis=1) <= 0) and numbers.shape == cosines.shape == (120, 7)


def test_the_curve_begins_with_precision_at_1_and_ends_with_the_share_of_mates():
    features, labels = clouds()
    found = retrieval_curve(features, labels, most=1000)
    assert found["precision"][0] == pytest.approx(retrieval(features, labels)["precision_at_1"])
    counts = np.bincount(labels)
    mates = (counts[labels] - 1)[counts[labels] > 1]
    assert found["k"][-1] == 119 and found["precision"][-1] == pytest.approx(mates.mean() / 119)


def test_a_closed_form_where_classes_lie_apart():
    labels = np.arange(40) % 4  # every image has nine mates, and finds them first
    apart = np.eye(4)[labels] + 0.01 * np.random.default_rng(0).normal(size=[40, 4])
    precision = retrieval_curve(apart, labels, most=20)["precision"]
    np.testing.assert_allclose(precision, [min(1, 9 / k) for k in range(1, 21)], rtol=1e-12)


def test_equal_images_do_not_find_themselves():
    numbers, _ = nearest_others(np.ones([6, 3]), most=2)
    assert numbers.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_pictured_are_the_most_similar_mistakes_once_each_and_the_first_right_ones_of_classes():
    features, labels = clouds()
    found = retrieval_curve(features, labels, shown=3, each=4)
    order = list(ranking(features))
    wrong = [row[0] for row in found["images"] if labels[row[0]] != labels[row[1]]]
    right = [row[0] for row in found["images"] if labels[row[0]] == labels[row[1]]]
    assert len(wrong) == len(right) == 4 and [row[0] for row in found["images"]] == wrong + right
    assert [row[1:] for row in found["images"]] == [order[query][:3] for query in wrong + right]
    assert found["classes"] == [[labels[i] for i in row] for row in found["images"]]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = {i: unit[i] @ unit[row[0]] for i, row in enumerate(order) if labels[row[0]] != labels[i]}
    every = [query for query in sorted(cosine, key=lambda i: -cosine[i]) if np.sum(labels == labels[query]) > 1]
    kept = []
    for query in every:
        mirrored = order[query][0] in kept and order[order[query][0]][0] == query
        kept += [] if mirrored else [query]
    assert {frozenset((q, order[q][0])) for q in wrong} == {frozenset((q, order[q][0])) for q in kept[:4]}
    firsts = {}
    for query in range(120):
        if labels[order[query][0]] == labels[query]:
            firsts.setdefault(labels[query], query)
    assert right == sorted(firsts.values())[:4]


def test_what_means_nothing_is_refused():
    with pytest.raises(ValueError, match="no class has two images"):
        retrieval_curve(np.eye(4), np.arange(4))
    with pytest.raises(ValueError, match=r"needs another to be near to.*got 1 rows, most=5"):
        nearest_others(np.ones([1, 2]), most=5)
