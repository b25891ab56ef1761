"""Few-shot accuracy against scikit-learn's ridge regression, plain loops, closed forms and laws."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation.few_shot import draw, episode_accuracy, few_shot_accuracy, ridge_answers
from supcon_tf.evaluation.intervals import t_interval

CLASSES = 6


def clouds(count=240, seed=0, width=5):
    random = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    return random.normal(size=[count, width]) + 1.5 * np.cos(np.outer(labels, np.arange(1, width + 1))), labels


def sklearns(train, features, l2, constant=100):
    """The protocol with scikit-learn's solver: standardised, a feature of 100, targets of -1 and +1."""
    from sklearn.linear_model import Ridge

    mean, deviation = train[0].mean(0), train[0].std(0) + 1e-5
    rows, unseen = (
        np.pad((x - mean) / deviation, [(0, 0), (0, 1)], constant_values=constant) for x in (train[0], features)
    )
    targets = np.where(train[1][:, None] == np.arange(CLASSES), 1.0, -1.0)
    return Ridge(alpha=l2, fit_intercept=False, solver="svd").fit(rows, targets).predict(unseen).argmax(1)


@pytest.mark.parametrize("shots, width", [(1, 5), (5, 5), (2, 40)])  # fewer and more images than features
def test_ridge_is_scikit_learns(shots, width):
    features, labels = clouds(width=width)
    drawn = draw(labels, classes=np.arange(CLASSES), images=shots, random=np.random.default_rng(1)).ravel()
    train, l2s = (features[drawn], labels[drawn]), [1e-3, 1.0, 2.0**10]
    found = ridge_answers(train, features, classes=CLASSES, l2s=l2s)
    for answers, l2 in zip(found, l2s):
        np.testing.assert_array_equal(answers, sklearns(train, features, l2))
    assert np.mean(found[-1] == labels) > 1 / CLASSES and (shots == 1 or len(set(found[-1])) == CLASSES)


def test_the_bias_is_hardly_penalised():
    """Classes of different sizes: what the bias says of them counts, and a constant of 1 would say less."""
    features, labels = clouds()
    kept = (labels < 2) | (np.arange(len(labels)) < 30)  # 40 images of each of two classes, 5 of the others
    train = features[kept], labels[kept]
    found = ridge_answers(train, features, classes=CLASSES)[0]
    np.testing.assert_array_equal(found, sklearns(train, features, 2.0**10))
    assert (found != sklearns(train, features, 2.0**10, constant=1)).any()


def test_accuracies_are_those_of_the_draws_of_each_seed():
    train, test = clouds(), clouds(seed=1)
    found = few_shot_accuracy(train, test, classes=CLASSES, shots=5, l2s=(1.0, 2.0**10), seeds=(0, 7))
    for seed, row in zip((0, 7), found["accuracies"]):
        random = np.random.default_rng(seed)
        drawn = np.concatenate([random.permutation(np.flatnonzero(train[1] == c))[:5] for c in range(CLASSES)])
        few = train[0][drawn], train[1][drawn]
        expected = [np.mean(sklearns(few, test[0], l2) == test[1]) for l2 in (1.0, 2.0**10)]
        assert row == pytest.approx(expected)
    assert found["means"] == pytest.approx(found["accuracies"].mean(0))
    assert found["accuracies"][0, 0] != found["accuracies"][1, 0]


def test_defaults_are_three_seeds_and_one_penalty():
    found = few_shot_accuracy(clouds(), clouds(seed=1), classes=CLASSES, shots=10)
    assert found["accuracies"].shape == (3, 1) and found["means"].shape == (1,)
    assert found["means"][0] > 0.4


def test_laws_of_ridge():
    """Standardised: scale and origin of a feature are irrelevant, and so is a feature that never changes."""
    features, labels = clouds()
    expected = ridge_answers((features, labels), features, classes=CLASSES)
    random = np.random.default_rng(3)
    order, scale = random.permutation(len(labels)), random.uniform(1, 5, 5)
    moved = scale * features + 7
    np.testing.assert_array_equal(ridge_answers((moved[order], labels[order]), moved, classes=CLASSES), expected)
    constant = np.pad(features, [(0, 0), (0, 1)], constant_values=3)
    np.testing.assert_array_equal(ridge_answers((constant, labels), constant, classes=CLASSES), expected)


def oracle_of_episodes(features, labels, *, ways, shots, queries, episodes, seed):
    """The same draws, each query and each class mean on its own."""
    random, found = np.random.default_rng(seed), []
    for _ in range(episodes):
        chosen, right = random.permutation(np.unique(labels))[:ways], 0
        drawn = [random.permutation(np.flatnonzero(labels == c))[: shots + queries] for c in chosen]
        means = [features[places[:shots]].mean(0) for places in drawn]
        for own, places in enumerate(drawn):
            for query in features[places[shots:]]:
                right += np.argmin([np.sum((query - mean) ** 2) for mean in means]) == own
        found.append(right / (ways * queries))
    return found


def test_episodes_by_plain_loops():
    features, labels = clouds()
    setting = {"ways": 4, "shots": 3, "queries": 7, "episodes": 20, "seed": 5}
    expected = oracle_of_episodes(features, labels, **setting)
    assert episode_accuracy(features, labels, **setting) == pytest.approx(t_interval(expected))
    assert episode_accuracy(features, labels, **{**setting, "seed": 6}).value != np.mean(expected)


def test_closed_forms_and_laws_of_episodes():
    features, labels = clouds()
    corners = episode_accuracy(np.eye(CLASSES)[labels], labels, episodes=5)
    assert corners[:3] == (1, 1, 1) and corners.n == 5
    nothing = episode_accuracy(np.ones([240, 2]), labels, episodes=5)  # all means equal: the first way is the answer
    assert nothing.value == pytest.approx(1 / 5)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=[5, 5]))[0]
    expected = episode_accuracy(features, labels, episodes=30)
    assert episode_accuracy(2 * features @ turn + 1, labels, episodes=30) == pytest.approx(expected)
    assert 0.2 < expected.low < expected.value < expected.high < 1
    longer = episode_accuracy(features, labels, episodes=120)
    assert longer.high - longer.low < 0.7 * (expected.high - expected.low)  # half, about


def test_the_default_is_600_episodes():
    assert episode_accuracy(*clouds()).n == 600


@pytest.mark.parametrize(
    "change, message",
    [
        ({"shots": 41}, "class 0 has 40 images; 1 or more, and 41 here, are to be drawn of each"),
        ({"shots": 0}, "1 or more, and 0 here"),
        ({"l2s": (0.0, 1.0)}, "each > 0 .1024 is usual.; got .0.0, 1.0."),
        ({"classes": 5}, "labels must be from 0 to 4; got 0 to 5"),
        ({"classes": 7}, "class 6 has 0 images"),
    ],
)
def test_what_means_nothing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        few_shot_accuracy(clouds(), clouds(seed=1), **{"classes": CLASSES, "shots": 5, **change})


def test_episodes_of_more_than_there_is_are_refused():
    with pytest.raises(ValueError, match="ways must be from 2 to 6, the number of classes; got 7"):
        episode_accuracy(*clouds(), ways=7)
    with pytest.raises(ValueError, match="has 40 images; 1 or more, and 45 here"):
        episode_accuracy(*clouds(), shots=30)
