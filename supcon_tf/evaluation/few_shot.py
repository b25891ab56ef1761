"""Accuracy from a few images a class: a ridge classifier in closed form, and episodes of nearest class means.

Ridge, the protocol of big_vision's `fewshot_lsr`: per seed and class some training images are drawn; features are
standardised by the mean and the deviation + 1e-5 of these; a constant feature of 100 is the bias, so large that the
penalty hardly touches it; targets are +1 for the class and -1 for the others; least squares with a penalty l2; the
answer is the largest output. Exact, without a schedule. There l2 is 2^10, fixed; shots are 1, 5, 10, 25; seeds are 3.

Episodes, the protocol of few-shot learning (Snell et al., 2017, arXiv:1703.05175): in each, 5 classes are drawn, of
each 5 images with label and 15 without; an image belongs to the class whose mean of the 5 is nearest by Euclidean
distance, of features as they come; the result is the mean over 600 episodes with its 95 % interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from supcon_tf.evaluation.arrays import labelled_rows, rows_of
from supcon_tf.evaluation.intervals import Interval, t_interval

L2 = 2.0**10
BIAS = 100.0
TOO_LITTLE = 1e-5  # what deviations are raised by: a constant feature stays 0


def few_shot_accuracy(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    *,
    classes: int,
    shots: int,
    l2s: Sequence[float] = (L2,),
    seeds: Sequence[int] = (0, 1, 2),
) -> dict[str, NDArray[np.float64]]:
    """Test accuracy of the ridge classifier of a few training images a class (big_vision, 2022: `fewshot_lsr`).

    Args:
        train: (features float [n, F], labels int [n] from 0 to C - 1), of which the shots are drawn.
        test: likewise.
        classes: C.
        shots: training images of each class.
        l2s: penalties > 0 [L], all from one eigendecomposition a seed. Choose among them on held-out images only.
        seeds: of the draws [S].

    Returns:
        "accuracies", float64 [S, L], and their means over seeds "means" [L].

    Raises:
        ValueError: shapes that do not belong together, labels outside of 0 to C - 1, NaN, fewer images of a class than
            shots, a penalty that is not > 0.

    Example:
        >>> labels = np.arange(40) % 2
        >>> features = labels[:, None] + np.random.default_rng(0).normal(size=[40, 3]) / 10
        >>> few_shot_accuracy((features, labels), (features, labels), classes=2, shots=5)["means"].tolist()
        [1.0]
    """
    features, labels = labelled_rows(*train, classes=classes)
    unseen, truth = labelled_rows(*test, classes=classes, width=features.shape[1])
    found = []
    for seed in seeds:
        drawn = draw(labels, classes=np.arange(classes), images=shots, random=np.random.default_rng(seed)).ravel()
        answers = ridge_answers((features[drawn], labels[drawn]), unseen, classes=classes, l2s=l2s)  # [L, m]
        found.append(np.mean(answers == truth, axis=1))
    return {"accuracies": np.stack(found), "means": np.mean(found, axis=0)}


def ridge_answers(
    train: tuple[ArrayLike, ArrayLike], features: ArrayLike, *, classes: int, l2s: Sequence[float] = (L2,)
) -> NDArray[np.int64]:
    """The class that ridge regression on -1 and +1 gives to each row, int64 [L, m]; of equal outputs the first.

    Args:
        train: (features float [n, F], labels int [n] from 0 to C - 1), all of which are trained on.
        features: float [m, F].
        classes: C.
        l2s: penalties > 0 [L].

    Raises:
        ValueError: as in `few_shot_accuracy`.

    Example:
        >>> ridge_answers(([[-1.0], [1.0]], [0, 1]), [[-3.0], [0.5]], classes=2, l2s=[0.1, 10.0]).tolist()
        [[0, 1], [0, 1]]
    """
    rows, labels = labelled_rows(*train, classes=classes)
    unseen, penalties = rows_of(features, width=rows.shape[1]), np.asarray(l2s, np.float64)
    if penalties.ndim != 1 or not len(penalties) or not (penalties > 0).all():
        raise ValueError(f"l2s must be [L], each > 0 ({L2:g} is usual); got {penalties.tolist()}.")
    mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64) + TOO_LITTLE  # [F]
    left, values, right = _decomposed(_standardised(rows, mean, deviation), 2.0 * np.eye(classes)[labels] - 1)
    seen = _standardised(unseen, mean, deviation) @ left  # [m, r]
    return np.stack([(seen @ (right / (values + l2)[:, None])).argmax(1) for l2 in penalties])


def episode_accuracy(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ways: int = 5,
    shots: int = 5,
    queries: int = 15,
    episodes: int = 600,
    seed: int = 0,
) -> Interval:
    """Mean accuracy over episodes of the nearest class mean, with its 95 % interval (Student's, over episodes).

    Args:
        features: float [n, F], taken as they come; bring rows to unit length for a measure by angle.
        labels: int [n]; each class with at least shots + queries images.
        ways: classes of an episode.
        shots: images with label of each.
        queries: images without label of each.
        episodes: how many.
        seed: of all draws.

    Raises:
        ValueError: shapes that do not belong together, NaN, fewer classes than ways, a class with too few images.

    Example:
        >>> labels = np.repeat(np.arange(6), 20)
        >>> found = episode_accuracy(np.eye(6)[labels], labels, episodes=10)
        >>> found.value, found.n
        (1.0, 10)
    """
    features, labels = labelled_rows(features, labels)
    names = np.unique(labels)
    if not 2 <= ways <= len(names):
        raise ValueError(f"ways must be from 2 to {len(names)}, the number of classes; got {ways}.")
    random, found = np.random.default_rng(seed), []
    for _ in range(episodes):
        chosen = random.permutation(names)[:ways]
        drawn = features[draw(labels, classes=chosen, images=shots + queries, random=random)].astype(np.float64)
        means = drawn[:, :shots].mean(1)  # [ways, F]
        asked = drawn[:, shots:].reshape(ways * queries, -1)  # [ways * queries, F]
        nearer = asked @ means.T - np.sum(means**2, 1) / 2  # the distance, but for what all means share
        found.append(np.mean(nearer.argmax(1) == np.repeat(np.arange(ways), queries)))
    return t_interval(found)


def draw(labels: NDArray[Any], *, classes: NDArray[Any], images: int, random: np.random.Generator) -> NDArray[Any]:
    """Numbers of images of each class, drawn without repeats: int64 [classes, images].

    Raises:
        ValueError: a class has fewer.

    Example:
        >>> draw(np.array([0, 1, 1, 0]), classes=np.array([1]), images=2, random=np.random.default_rng(0)).shape
        (1, 2)
    """
    found = []
    for name in classes:
        of_class = np.flatnonzero(labels == name)
        if not 1 <= images <= len(of_class):
            raise ValueError(
                f"class {name} has {len(of_class)} images; 1 or more, and {images} here, are to be drawn of each. "
                "Ask for fewer, or leave the class out."
            )
        found.append(random.permutation(of_class)[:images])
    return np.stack(found)


def _standardised(rows: NDArray[Any], mean: NDArray[Any], deviation: NDArray[Any]) -> NDArray[Any]:
    """float64 [n, F + 1], the last the constant of the bias."""
    return np.pad((rows - mean) / deviation, [(0, 0), (0, 1)], constant_values=BIAS)


def _decomposed(rows: NDArray[Any], targets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(A [F, r], e [r], B [r, C]): the weights for a penalty l2 are A diag(1 / (e + l2)) B.

    (X'X + l2)^-1 X'Y = X' (XX' + l2)^-1 Y: the eigenvectors are those of the smaller matrix.
    """
    if len(rows) >= rows.shape[1]:
        values, vectors = np.linalg.eigh(rows.T @ rows)
        return vectors, values, vectors.T @ (rows.T @ targets)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    return rows.T @ vectors, values, vectors.T @ targets
