"""The supervised contrastive loss from its definition, in NumPy float64 and plain loops, one anchor at a time."""

from __future__ import annotations

import numpy as np


def positives_and_negatives(labels, views, anchor, *, positives_cap=None):
    """Lists of (image, view) for an anchor (image, view); a negative label is like no other.

    `views` are those of every image, or a list of those of each.
    """
    image = anchor[0]
    views_of = [views] * len(labels) if isinstance(views, int) else views
    same = [j for j in range(len(labels)) if j != image and labels[j] == labels[image] and labels[image] >= 0]
    different = [j for j in range(len(labels)) if j != image and j not in same]
    kept = same if positives_cap is None else same[: positives_cap // views_of[image]]
    positives = [(j, v) for j in [image, *kept] for v in range(views_of[j]) if (j, v) != anchor]
    return positives, [(j, v) for j in different for v in range(views_of[j])]


def overlap(one, other):
    """How much two label sets share, from 0 to 1: the common labels among those of the two (Tanimoto)."""
    common = sum(a * b for a, b in zip(one, other))
    return common / (sum(a * a for a in one) + sum(b * b for b in other) - common) if common else 0.0


def weighted_positives_and_negatives(label_sets, views, anchor):
    """Dict (image, view) -> weight of the positives, and the list of negatives, for label sets [B][C]."""
    image, weights, negatives = anchor[0], {}, []
    for key in [(j, v) for j in range(len(label_sets)) for v in range(views) if (j, v) != anchor]:
        weight = 1.0 if key[0] == image else overlap(label_sets[image], label_sets[key[0]])
        if weight > 0:
            weights[key] = weight
        else:
            negatives.append(key)
    return weights, negatives


def anchor_loss(projections, anchor, positives, negatives, *, temperature, summation_location, denominator_mode):
    """Eq. 2 or Eq. 3 for one anchor; `positives` may be a dict of weights."""
    weights = [positives[p] if isinstance(positives, dict) else 1.0 for p in positives]
    exp = {key: np.exp(projections[anchor] @ projections[key] / temperature) for key in [*positives, *negatives]}
    of_negatives = sum(exp[n] for n in negatives)
    of_positives = sum(exp[p] for p in positives)
    if not positives or (denominator_mode == "only_negatives" and not negatives):
        return 0.0
    ratios = []
    for p in positives:
        in_denominator = {"all": of_positives, "one_positive": exp[p], "only_negatives": 0.0}[denominator_mode]
        ratios.append(exp[p] / (in_denominator + of_negatives))
    if summation_location == "in":
        return -np.log(np.average(ratios, weights=weights))
    return -np.average(np.log(ratios), weights=weights)


def supervised_contrastive_loss(
    labels,
    projections,
    *,
    temperature=0.1,
    base_temperature=1.0,
    contrast_mode="all",
    summation_location="out",
    denominator_mode="all",
    positives_cap=None,
    no_positives="zero",
    queue_rows=(),
    queue_labels=(),
):
    """One loss per image, [B]; labels integer [B] or label sets [B, C], projections [B, V, D], rows of a queue [Q, D].

    The rows of the queue are those of more images, of one view each, which are no anchors.
    """
    batch, views = np.shape(projections)[:2]
    projections = {(i, v): np.asarray(projections[i][v], np.float64) for i in range(batch) for v in range(views)}
    projections.update({(batch + q, 0): np.asarray(row, np.float64) for q, row in enumerate(queue_rows)})
    all_labels, all_views = [*labels, *queue_labels], [views] * batch + [1] * len(queue_rows)
    anchor_views = 1 if contrast_mode == "one" else views
    losses, has_positives = np.zeros([batch, anchor_views]), np.zeros([batch, anchor_views], bool)
    for i in range(batch):
        for v in range(anchor_views):
            if np.ndim(labels) == 2:
                pairs = weighted_positives_and_negatives(labels, views, (i, v))
            else:
                pairs = positives_and_negatives(all_labels, all_views, (i, v), positives_cap=positives_cap)
            has_positives[i, v] = bool(pairs[0])
            losses[i, v] = anchor_loss(
                projections, (i, v), *pairs, temperature=temperature,
                summation_location=summation_location, denominator_mode=denominator_mode,
            )  # fmt: skip
    if no_positives == "exclude" and has_positives.any():
        losses *= has_positives.size / has_positives.sum()
    return losses.mean(1) * (1.0 if base_temperature is None else temperature / base_temperature)


def simclr_loss(projections, *, temperature):
    """Eq. 1 for two views, [B]: the other view of the image is the only positive, everything else is in the way."""
    batch, views, width = np.shape(projections)
    rows = np.asarray(projections, np.float64).reshape(-1, width)
    losses = np.zeros(batch * views)
    for i in range(len(rows)):
        everybody = sum(np.exp(rows[i] @ rows[a] / temperature) for a in range(len(rows)) if a != i)
        losses[i] = -np.log(np.exp(rows[i] @ rows[i ^ 1] / temperature) / everybody)
    return losses.reshape(batch, views).mean(1)
