"""Retrieval against plain loops, scikit-learn, closed forms and laws, however it is cut into tiles."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation import nearest
from supcon_tf.evaluation.retrieval import retrieval


def clouds(count=120, classes=6):
    """Rows [count, 5] of many lengths, and labels of classes of different sizes, the last with one image."""
    random = np.random.default_rng(4)
    labels = np.append(random.integers(0, classes - 1, count - 1) * random.integers(0, 2, count - 1), classes - 1)
    rows = random.normal(size=[count, 5]) + np.eye(5)[labels % 5]
    return (rows * random.uniform(0.5, 2, [count, 1])).astype(np.float32), labels


def oracle(features, labels):
    """The three measures by their words, in float64, one query and one place at a time."""
    rows = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    found = []
    for query in range(len(rows)):
        others = [i for i in range(len(rows)) if i != query]
        mates = sum(labels[i] == labels[query] for i in others)
        if not mates:
            continue
        order = sorted(others, key=lambda i: -(rows[i] @ rows[query]))[:mates]
        right = [labels[i] == labels[query] for i in order]
        average = sum(sum(right[: i + 1]) / (i + 1) for i in range(mates) if right[i]) / mates
        found.append((right[0], sum(right) / mates, average))
    names = ("precision_at_1", "r_precision", "map_at_r")
    return {**dict(zip(names, np.mean(found, axis=0))), "queries": len(found)}


def test_plain_loops():
    features, labels = clouds()
    expected = oracle(features, labels)
    assert retrieval(features, labels) == pytest.approx(expected, rel=1e-12)
    assert expected["queries"] == 119 and 0 < expected["map_at_r"] < expected["r_precision"] < 1


@pytest.mark.parametrize("keys, tile", [(40, 1), (100, 1000), (7, 2400)])
def test_the_size_of_tiles_is_irrelevant(keys, tile, monkeypatch):
    expected = retrieval(*clouds())
    monkeypatch.setattr(nearest, "KEYS", keys)
    monkeypatch.setattr(nearest, "TILE", tile)
    assert retrieval(*clouds()) == pytest.approx(expected, rel=1e-12)


def test_scikit_learns_neighbours():
    """Precision@1 by another library: the second neighbour, since the first is the query itself."""
    from sklearn.neighbors import NearestNeighbors

    features, labels = clouds()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    second = NearestNeighbors(n_neighbors=2).fit(unit).kneighbors(unit)[1][:, 1]
    kept = np.bincount(labels)[labels] > 1
    assert retrieval(features, labels)["precision_at_1"] == pytest.approx(np.mean((labels == labels[second])[kept]))


def test_a_case_by_hand():
    """On an arc, a query of class 0 at one end: the nearest is of class 1, the next two are its mates."""
    angles = np.deg2rad([0, 10, 20, 30])
    features, labels = np.stack([np.cos(angles), np.sin(angles)], 1), np.array([0, 1, 0, 0])
    # R = 2. From 0: wrong, right: MAP (0 + 1/2)/2. From 20 (10 and 30 tie, the earlier is first): wrong, right.
    # From 30: right, wrong: (1 + 0)/2. Rounding may break the tie either way, so 20 is moved off the middle.
    features[2] = np.cos(np.deg2rad(19)), np.sin(np.deg2rad(19))
    found = retrieval(features, labels)
    assert found == pytest.approx({
        "precision_at_1": 1 / 3, "r_precision": 0.5, "map_at_r": (1 / 4 + 1 / 4 + 1 / 2) / 3, "queries": 3,
    })  # fmt: skip


def test_closed_forms():
    labels = np.arange(40) % 4
    apart = np.eye(4)[labels] + 0.01 * np.random.default_rng(0).normal(size=[40, 4])
    assert retrieval(apart, labels) == {"precision_at_1": 1, "r_precision": 1, "map_at_r": 1, "queries": 40}
    pairs = np.repeat(np.eye(4), 2, 0) + 0.01 * np.random.default_rng(0).normal(size=[8, 4])
    nobody = retrieval(pairs, np.arange(8) % 4)  # everybody's nearest is of another class, and R is 1
    assert nobody == {"precision_at_1": 0, "r_precision": 0, "map_at_r": 0, "queries": 8}


def test_equal_images_do_not_find_themselves():
    """Where R + 1 references are as near as the query itself, it may not be among them; it never counts."""
    labels = np.array([0] * 3 + [1] * 9)
    found = retrieval(np.ones([12, 3]), labels)
    # Of equal ones the first come first: class 0 finds its two mates; class 1 (R = 8) finds those and five of its own.
    average = sum(i / (i + 3) for i in range(1, 6)) / 8
    assert found == pytest.approx({
        "precision_at_1": 3 / 12, "r_precision": (3 + 9 * 5 / 8) / 12, "map_at_r": (3 + 9 * average) / 12,
        "queries": 12,
    })  # fmt: skip


def test_laws():
    features, labels = clouds()
    expected = retrieval(features, labels)
    random = np.random.default_rng(0)
    order, turn = random.permutation(len(labels)), np.linalg.qr(random.normal(size=[5, 5]))[0]
    assert retrieval(features[order], labels[order]) == pytest.approx(expected, rel=1e-9)
    assert retrieval(7 * features @ turn, labels * 3 + 2) == pytest.approx(expected, rel=1e-9)
    shuffled = retrieval(features, random.permutation(labels))
    assert shuffled["map_at_r"] < expected["map_at_r"]  # control


def test_what_means_nothing_is_refused():
    with pytest.raises(ValueError, match=r"no class has two images.*got 4 images of 4 classes. Give more"):
        retrieval(np.eye(4), np.arange(4))
    with pytest.raises(ValueError, match="features must be finite; 1 of 2 rows"):
        retrieval([[np.nan], [1.0]], [0, 0])
