"""Projection: who is neighbour stays neighbour, the same rows give the same picture, and errors say why."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.report.embedding_map import project


def blobs(count, *, width=16):
    random = np.random.default_rng(0)
    labels = np.arange(count) % 3
    return (random.normal(size=(3, width)) * 5)[labels] + random.normal(size=(count, width)), labels


def test_neighbours_stay_neighbours():
    embeddings, labels = blobs(90)
    rows, points = project(embeddings)
    distances = np.linalg.norm(points[:, None] - points, axis=-1) + np.diag(np.full(90, np.inf))
    np.testing.assert_array_equal(rows, np.arange(90))
    assert (labels[distances.argmin(1)] == labels).all()


def test_same_rows_same_picture():
    embeddings, _ = blobs(60)
    np.testing.assert_array_equal(project(embeddings)[1], project(embeddings)[1])


def test_a_sample_is_drawn_above_the_limit():
    rows, points = project(blobs(200)[0], limit=40)
    assert points.shape == (40, 2) and (np.diff(rows) > 0).all() and rows[-1] > 100


@pytest.mark.parametrize("embeddings", [np.ones((12, 8)), blobs(4)[0]])
def test_collapsed_and_few_embeddings_have_a_finite_picture(embeddings):
    assert np.isfinite(project(embeddings)[1]).all()


def test_what_cannot_be_projected_is_refused():
    with pytest.raises(ValueError, match=r"at least 4 embeddings of 2 dimensions; got shape \(3, 8\)"):
        project(np.ones((3, 8)))
    with pytest.raises(ValueError, match="must be finite"):
        project(np.full((9, 8), np.nan))
