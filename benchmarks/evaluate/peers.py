"""Neighbours, retrieval and linear classifiers by scikit-learn and pytorch-metric-learning, as people call them.

All take features of unit length (retrieval, neighbours), and give what this library gives.
"""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np

BLOCK = 1000  # queries whose nearest are turned into sums at a time


def search() -> str:
    """What pytorch-metric-learning searches with: faiss, its default, where that is installed."""
    return "faiss" if importlib.util.find_spec("faiss") else "PyTorch"


def pytorch_metric_learning_retrieval(features, labels) -> dict:
    """Its calculator, told to look at as many as the largest class has."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    names = {
        "precision_at_1": "precision_at_1",
        "r_precision": "r_precision",
        "map_at_r": "mean_average_precision_at_r",
    }
    device = torch.device("cpu")
    calculator = AccuracyCalculator(
        include=tuple(names.values()), k="max_bin_count", device=device, knn_func=_knn_function()
    )
    found = calculator.get_accuracy(torch.as_tensor(features), torch.as_tensor(labels))
    return {name: found[theirs] for name, theirs in names.items()}


def scikit_learn_retrieval(features, labels) -> dict:
    """Its neighbours of all rows; the three measures from them by NumPy. Every class has the same size R + 1."""
    from sklearn.neighbors import NearestNeighbors

    mates = int(np.bincount(labels)[0]) - 1  # R
    found = NearestNeighbors(n_neighbors=mates, algorithm="brute").fit(features).kneighbors(return_distance=False)
    sums, order = np.zeros(3), np.arange(1, mates + 1)
    for start in range(0, len(labels), BLOCK):
        same = labels[found[start : start + BLOCK]] == labels[start : start + BLOCK, None]  # [q, R]
        average = np.where(same, np.cumsum(same, 1) / order, 0).sum(1) / mates
        sums += same[:, 0].sum(), same.mean(1).sum(), average.sum()
    return dict(zip(("precision_at_1", "r_precision", "map_at_r"), (sums / len(labels)).tolist()))


def scikit_learn_neighbours(train, test, *, classes, neighbours, temperature) -> dict:
    """Its classifier with weights exp(s / T); of rows of unit length s is 1 - d^2 / 2."""
    from sklearn.neighbors import KNeighborsClassifier

    def weights(distance):
        return np.exp((1 - distance**2 / 2) / temperature)

    model = KNeighborsClassifier(neighbours, weights=weights, algorithm="brute").fit(*train)
    return {"top1": float(np.mean(model.predict(test[0]) == test[1]))}


def pytorch_metric_learning_neighbours(train, test, *, classes, neighbours, temperature) -> dict:
    """Its search, and the vote in PyTorch."""
    import torch

    queries, rows, labels = torch.as_tensor(test[0]), torch.as_tensor(train[0]), torch.as_tensor(train[1])
    distance, found = _knn_function()(queries, neighbours, rows)
    similarity = 1 - distance / 2 if search() == "faiss" else distance  # faiss gives squares of distances
    votes = torch.zeros(len(queries), classes)
    votes.scatter_add_(1, labels[found], torch.exp((similarity - 1) / temperature))
    return {"top1": float((votes.argmax(1) == torch.as_tensor(test[1])).double().mean())}


def scikit_learn_penalty(features, labels, *, penalty: float, tolerance: float) -> tuple:
    """(weights [F, C], biases [C]) of one penalty."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped at the last digit
        model = LogisticRegression(C=1 / penalty, tol=tolerance, max_iter=5000).fit(features, labels)
    return model.coef_.T, model.intercept_


def _knn_function():
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.inference import CustomKNN, FaissKNN

    return FaissKNN() if search() == "faiss" else CustomKNN(CosineSimilarity(), batch_size=512)
