"""Metric-learning losses from their definitions, in NumPy float64 and plain loops; each is one value an image, [B].

Every function takes labels [B] and projections [B][V][D], rows as they are, and lists pairs of rows (image, view).
"""

from __future__ import annotations

import math

import numpy as np


def _rows(projections):
    batch, views = np.shape(projections)[:2]
    return {(i, v): np.asarray(projections[i][v], np.float64) for i in range(batch) for v in range(views)}


def _same(labels, one, other):
    """Whether two rows are of a class: of an image, or of images with one label that is none of the unlabelled."""
    return one[0] == other[0] or (labels[one[0]] == labels[other[0]] and labels[one[0]] >= 0)


def _distance(one, other):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(one, other)))


def _lists(labels, rows, anchor):
    """Positives and negatives of an anchor, as lists of rows."""
    others = [key for key in rows if key != anchor]
    return (
        [key for key in others if _same(labels, anchor, key)],
        [key for key in others if not _same(labels, anchor, key)],
    )


def _per_image(batch, costs, over):
    """Costs [(image, cost)] as values of images whose mean is their sum over `over`."""
    values = np.zeros(batch)
    for image, cost in costs:
        values[image] += cost * batch / over if over else 0
    return values


def triplet_semihard(labels, projections, *, margin=1.0):
    rows, costs = _rows(projections), []
    for anchor in rows:
        positives, negatives = _lists(labels, rows, anchor)
        for positive in positives:
            to_positive = _distance(rows[anchor], rows[positive])
            to_negatives = [_distance(rows[anchor], rows[n]) for n in negatives]
            beyond = [d for d in to_negatives if d > to_positive]
            cost = 0.0
            if negatives:
                cost = max(0.0, to_positive - (min(beyond) if beyond else max(to_negatives)) + margin)
            costs.append((anchor[0], cost))
    return _per_image(len(labels), costs, len(costs))


def triplet_hard(labels, projections, *, margin=1.0):
    rows, costs = _rows(projections), []
    for anchor in rows:
        positives, negatives = _lists(labels, rows, anchor)
        cost = 0.0
        if positives and negatives:
            farthest = max(_distance(rows[anchor], rows[p]) for p in positives)
            cost = max(0.0, farthest - min(_distance(rows[anchor], rows[n]) for n in negatives) + margin)
        costs.append((anchor[0], cost))
    return _per_image(len(labels), costs, len(costs))


def n_pairs(labels, projections):
    rows, batch = _rows(projections), len(labels)
    values = np.zeros(batch)
    for i in range(batch):
        similarity = [sum(a * b for a, b in zip(rows[i, 0], rows[j, 1])) for j in range(batch)]
        everybody = sum(math.exp(s) for s in similarity)
        own = [j for j in range(batch) if _same(labels, (i, 0), (j, 1))]
        values[i] = -sum(math.log(math.exp(similarity[j]) / everybody) for j in own) / len(own)
    return values


def lifted_structure(labels, projections, *, margin=1.0):
    rows, costs = _rows(projections), []
    for one in rows:
        for other in _lists(labels, rows, one)[0]:
            pushes = [math.exp(margin - _distance(rows[one], rows[n])) for n in _lists(labels, rows, one)[1]]
            pushes += [math.exp(margin - _distance(rows[other], rows[n])) for n in _lists(labels, rows, other)[1]]
            cost = max(0.0, math.log(sum(pushes)) + _distance(rows[one], rows[other])) ** 2 / 2 if pushes else 0.0
            costs.append((one[0], cost))
    return _per_image(len(labels), costs, len(costs))


def pair_margin(labels, projections, *, margin=1.0):
    rows, pulls, pushes = _rows(projections), [], []
    for anchor in rows:
        positives, negatives = _lists(labels, rows, anchor)
        pulls += [(anchor[0], _distance(rows[anchor], rows[p]) ** 2) for p in positives]
        pushes += [(anchor[0], max(0.0, margin - _distance(rows[anchor], rows[n])) ** 2) for n in negatives]
    batch = len(labels)
    return (_per_image(batch, pulls, len(pulls)) + _per_image(batch, pushes, len(pushes))) / 2


def large_margin_cross_entropy(label, features, kernel, bias, *, margin, share=1.0):
    """The cost of one image: psi by its definition, from the angle itself."""
    logits = [sum(features[f] * kernel[f][c] for f in range(len(features))) + bias[c] for c in range(len(bias))]
    length = math.sqrt(sum(x * x for x in features)) * math.sqrt(sum(row[label] ** 2 for row in kernel))
    cosine = (logits[label] - bias[label]) / length
    theta = math.acos(max(-1.0, min(1.0, cosine)))
    k = min(int(theta * margin / math.pi), margin - 1)
    psi = (-1) ** k * math.cos(margin * theta) - 2 * k
    logits[label] += share * length * (psi - cosine)
    return math.log(sum(math.exp(value - logits[label]) for value in logits))
