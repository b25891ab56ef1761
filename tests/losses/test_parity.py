"""The table "the same name, different numbers" (docs/reference/loss.md): each row by the other's formula, in NumPy.

The authors' two implementations take rows as they are (normalize=False); pytorch-metric-learning brings them to unit
length, as the default does here. So their rows here have other lengths.
"""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import supervised_contrastive_loss
from tests.losses.problems import unit_rows

LABELS = np.array([0, 1, 0, 2, 1, 0])
pytestmark = pytest.mark.filterwarnings("ignore:rows of `projections` have lengths")


def rows_of_many_lengths(*shape):
    return unit_rows(*shape) * np.random.default_rng(1).uniform(0.5, 1.5, [*shape[:-1], 1])


def mean(labels, projections, **arguments):
    return float(np.mean(supervised_contrastive_loss(labels, projections, **arguments)))


def log_softmax_over_others(rows, temperature):
    """log of exp s_ia over the sum of those of all others, [N, N]."""
    s = rows @ rows.T / temperature
    np.fill_diagonal(s, -np.inf)
    return s - np.log(np.exp(s).sum(1, keepdims=True))


def same_class_others(labels):
    return (labels[:, None] == labels[None, :]) & ~np.eye(len(labels), dtype=bool)


@pytest.mark.parametrize("contrast_mode", ["all", "one"])
@pytest.mark.parametrize("labelled", [True, False])
def test_supcontrast_of_pytorch(contrast_mode, labelled):
    """`SupConLoss(temperature, contrast_mode, base_temperature=0.07)`: mean over anchors, scaled; no labels: SimCLR."""
    projections, temperature = rows_of_many_lengths(6, 2, 4), 0.1
    rows = projections.transpose(1, 0, 2).reshape(12, 4)  # view-major there
    labels = np.tile(LABELS if labelled else np.arange(6), 2)
    log_prob = log_softmax_over_others(rows, temperature)
    positives = same_class_others(labels)
    per_anchor = -np.where(positives, log_prob, 0).sum(1) / positives.sum(1)
    expected = temperature / 0.07 * per_anchor[: 6 if contrast_mode == "one" else 12].mean()
    found = mean(
        LABELS if labelled else [-1] * 6, projections, temperature=temperature, base_temperature=0.07,
        contrast_mode=contrast_mode, normalize=False,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def metric_learning_supcon(rows, labels, temperature):
    """pytorch-metric-learning: unscaled, and the mean is over the anchors that have a positive."""
    log_prob, positives = log_softmax_over_others(rows, temperature), same_class_others(labels)
    has = positives.any(1)
    return (-np.where(positives, log_prob, 0).sum(1)[has] / positives.sum(1)[has]).mean()


def test_supcon_of_pytorch_metric_learning():
    rows = unit_rows(6, 4)
    for outputs in (rows, 7 * rows, rows_of_many_lengths(6, 4)):
        found = mean(LABELS, outputs, temperature=0.1, base_temperature=None, no_positives="exclude")
        np.testing.assert_allclose(found, metric_learning_supcon(rows, LABELS, 0.1), rtol=1e-11)


@pytest.mark.skipif(not importlib.util.find_spec("pytorch_metric_learning"), reason="pytorch-metric-learning is absent")
@pytest.mark.parametrize("length", [1.0, 7.0])
def test_supcon_of_pytorch_metric_learning_itself(length):
    """Value, and the gradient through its normalisation."""
    import torch
    from pytorch_metric_learning.losses import NTXentLoss, SupConLoss

    outputs = torch.tensor(length * unit_rows(6, 4), dtype=torch.float32, requires_grad=True)
    pairs = np.array([0, 0, 1, 1, 2, 2])
    for theirs, labels, asked in (
        (SupConLoss(temperature=0.1), LABELS, {"no_positives": "exclude"}),
        (NTXentLoss(temperature=0.1), pairs, {"denominator_mode": "one_positive"}),
    ):
        value = theirs(outputs, torch.as_tensor(labels))
        (gradient,) = torch.autograd.grad(value, outputs)
        rows = tf.constant(outputs.detach().numpy())
        with tf.GradientTape() as tape:
            tape.watch(rows)
            found = tf.reduce_mean(
                supervised_contrastive_loss(labels, rows, temperature=0.1, base_temperature=None, **asked)
            )
        np.testing.assert_allclose(found, value.detach().numpy(), rtol=1e-5)
        np.testing.assert_allclose(tape.gradient(found, rows), gradient, rtol=1e-4, atol=1e-5)


def test_nt_xent_with_equally_many_positives():
    """pytorch-metric-learning's `NTXentLoss`: a term for every positive pair, against that pair and the negatives."""
    rows, labels = unit_rows(6, 4), np.array([0, 0, 0, 1, 1, 1])
    s, terms = rows @ rows.T / 0.2, []
    for i, p in itertools.permutations(range(6), 2):
        if labels[i] == labels[p]:
            negatives = np.exp(s[i][labels != labels[i]]).sum()
            terms.append(-np.log(np.exp(s[i, p]) / (np.exp(s[i, p]) + negatives)))
    found = mean(labels, rows, temperature=0.2, base_temperature=None, denominator_mode="one_positive")
    np.testing.assert_allclose(found, np.mean(terms), rtol=1e-12)


@pytest.mark.parametrize("scale_by_temperature, base_temperature", [(True, 1.0), (False, None)])
def test_authors_tensorflow_code(scale_by_temperature, base_temperature):
    """`contrastive_loss(scale_by_temperature)`; their golden values stand in test_supcon.py."""
    projections = rows_of_many_lengths(6, 2, 4)
    log_prob = log_softmax_over_others(projections.reshape(12, 4), 0.3)
    positives = same_class_others(np.repeat(LABELS, 2))
    per_anchor = -np.where(positives, log_prob, 0).sum(1) / positives.sum(1)
    expected = per_anchor.reshape(6, 2).mean(1) * (0.3 if scale_by_temperature else 1)
    found = supervised_contrastive_loss(
        LABELS, projections, temperature=0.3, base_temperature=base_temperature, normalize=False
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_n_pairs_is_one_positive_at_temperature_one():
    """Sec. 3.2.3 of the supplement: one other sample of the class, tau = 1; rows as they are."""
    rows, labels = rows_of_many_lengths(6, 4), np.array([0, 1, 2, 0, 1, 2])
    s, expected = rows @ rows.T, []
    for i in range(6):
        p = (i + 3) % 6
        others = [n for n in range(6) if n not in (i, p)]
        expected.append(np.log(1 + sum(np.exp(s[i, n] - s[i, p]) for n in others)))
    found = supervised_contrastive_loss(labels, rows, temperature=1.0, base_temperature=None, normalize=False)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_triplet_is_one_positive_and_one_negative(temperature):
    """The soft form of the triplet loss on squared distances: log(1 + exp((d(a, p) - d(a, n)) / 2 tau))."""
    anchor, positive, negative = unit_rows(3, 4)
    gap = np.sum((anchor - positive) ** 2) - np.sum((anchor - negative) ** 2)
    found = supervised_contrastive_loss(
        [0, 0, 1], np.stack([anchor, positive, negative]), temperature=temperature, base_temperature=None
    )
    np.testing.assert_allclose(found[0], np.log1p(np.exp(gap / (2 * temperature))), rtol=1e-10, atol=1e-14)
    assert tf.convert_to_tensor(found)[2] == 0
