"""The vote of neighbours over arrays against plain loops, scikit-learn and the vote that embeds batch by batch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from supcon_tf.evaluation import nearest
from supcon_tf.evaluation.neighbours import SETTINGS, neighbour_accuracy

CLASSES = 8


def clouds(count, seed, classes=CLASSES):
    """Rows [count, 6] of many lengths, and labels: overlapping clouds, one a class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    rows = random.normal(size=[count, 6]) + 1.5 * np.cos(np.outer(labels, np.arange(1, 7)))
    return (rows * random.uniform(0.5, 2, [count, 1])).astype(np.float32), labels


def oracle(train, test, k, temperature, classes=CLASSES):
    """One test image at a time in float64: who votes, how the classes rank, where the right one stands."""
    rows = train[0].astype(np.float64) / np.linalg.norm(train[0].astype(np.float64), axis=1, keepdims=True)
    ranks = []
    for query, label in zip(test[0].astype(np.float64), test[1]):
        similarity = rows @ query / np.linalg.norm(query)
        votes = {}
        for place in np.argsort(-similarity, kind="stable")[:k]:
            votes[train[1][place]] = votes.get(train[1][place], 0) + np.exp(similarity[place] / temperature)
        order = sorted(votes, key=lambda c: (-votes[c], c))
        ranks.append(order.index(label) if label in order else classes - 1)
    return {"top1": np.mean(np.array(ranks) < 1), "top5": np.mean(np.array(ranks) < 5)}


@pytest.mark.parametrize("setting", [*SETTINGS.values(), {"neighbours": 1, "temperature": 1.0}])
def test_plain_loops(setting):
    train, test = clouds(300, 1), clouds(90, 2)
    expected = oracle(train, test, *setting.values())
    assert neighbour_accuracy(train, test, classes=CLASSES, **setting) == pytest.approx(expected)
    assert 1 / CLASSES < expected["top1"] < expected["top5"] + (setting["neighbours"] == 1)


def test_the_settings_are_those_of_the_papers():
    assert SETTINGS == {
        "dino": {"neighbours": 20, "temperature": 0.07}, "instdisc": {"neighbours": 200, "temperature": 0.1},
    }  # fmt: skip


@pytest.mark.parametrize("keys, tile", [(16, 64), (50, 2**23), (300, 300)])
def test_the_size_of_tiles_is_irrelevant(keys, tile, monkeypatch):
    train, test = clouds(300, 1), clouds(90, 2)
    expected = neighbour_accuracy(train, test, classes=CLASSES, neighbours=4, temperature=0.1)
    monkeypatch.setattr(nearest, "KEYS", keys)
    monkeypatch.setattr(nearest, "TILE", tile)
    assert neighbour_accuracy(train, test, classes=CLASSES, neighbours=4, temperature=0.1) == expected


def test_with_equal_votes_it_is_scikit_learns():
    from sklearn.neighbors import KNeighborsClassifier

    (rows, labels), test = clouds(300, 1), clouds(90, 2)
    unit, queries = (array / np.linalg.norm(array, axis=1, keepdims=True) for array in (rows, test[0]))
    theirs = KNeighborsClassifier(15).fit(unit, labels).predict(queries)
    found = neighbour_accuracy((rows, labels), test, classes=CLASSES, neighbours=15, temperature=math.inf)
    assert found["top1"] == pytest.approx(np.mean(theirs == test[1]))


def test_a_class_without_a_vote_is_not_among_the_first_five():
    """One neighbour, one voted class; class 0 is the first of all that have no vote, and no hit for that."""
    train = (np.eye(6, dtype=np.float32), np.arange(6))
    queries = np.eye(6)[[3, 3]]
    found = neighbour_accuracy(train, (queries, np.array([3, 0])), classes=6, neighbours=1, temperature=0.1)
    assert found == {"top1": 0.5, "top5": 0.5}


def test_closed_forms_and_laws():
    train, test = clouds(300, 1), clouds(90, 2)
    own = neighbour_accuracy(train, train, classes=CLASSES, neighbours=1, temperature=0.1)
    assert own == {"top1": 1.0, "top5": 1.0}  # everybody is nearest to itself
    setting = {"classes": CLASSES, **SETTINGS["dino"]}
    expected = neighbour_accuracy(train, test, **setting)
    random = np.random.default_rng(0)
    turn, order = np.linalg.qr(random.normal(size=[6, 6]))[0], random.permutation(300)
    turned = neighbour_accuracy((train[0] @ turn, train[1]), (3 * test[0] @ turn, test[1]), **setting)
    assert turned == pytest.approx(expected)
    assert neighbour_accuracy((train[0][order], train[1][order]), test, **setting) == pytest.approx(expected)
    chance = neighbour_accuracy((train[0], random.permutation(train[1])), test, **setting)
    assert chance["top1"] < expected["top1"] / 2  # control


@pytest.mark.parametrize(
    "change, message",
    [
        ({"neighbours": 301}, "neighbours must be from 1 to 300, the number of training rows.*got 301"),
        ({"neighbours": 0}, "got 0 and"),
        ({"temperature": 0.0}, "temperature > 0; got 20 and 0.0"),
        ({"classes": 3}, "labels must be from 0 to 2; got 0 to 7"),
    ],
)
def test_what_means_nothing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        neighbour_accuracy(clouds(300, 1), clouds(90, 2), **{"classes": CLASSES, **SETTINGS["dino"], **change})


def test_features_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"features must be \[n, 6\]"):
        neighbour_accuracy(clouds(30, 1), (np.ones([2, 5]), [0, 1]), classes=CLASSES, neighbours=1, temperature=1.0)
