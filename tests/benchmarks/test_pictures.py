"""Pictures that explain the loss: what they show is so, and the stored files are what the code draws today."""

from __future__ import annotations

import pathlib
import re
import xml.etree.ElementTree as tree

import numpy as np
import pytest

from benchmarks import pictures
from tests.oracles import supcon as oracle

STORED = pathlib.Path(__file__).parents[2] / "docs" / "pictures"
NUMBER = re.compile(r"-?\d+\.?\d*")


@pytest.mark.slow
def test_the_stored_pictures_are_what_is_drawn():
    """`make results` writes them. Coordinates may differ by what rounds a last bit: a tenth of a pixel."""
    drawn = pictures.all_pictures()
    assert sorted(drawn) == sorted(path.name for path in STORED.glob("loss_*.svg"))
    for name, text in drawn.items():
        stored = (STORED / name).read_text(encoding="utf-8")
        assert NUMBER.sub("#", text) == NUMBER.sub("#", stored), f"{name} is of older code: make results"
        new, old = (np.array(NUMBER.findall(each), float) for each in (text, stored))
        np.testing.assert_allclose(new, old, atol=0.11, err_msg=f"{name} is of older code: make results")
        tree.fromstring(text)


def test_pairs_are_those_of_the_oracle():
    for labels in pictures.BATCHES.values():
        positives, negatives = pictures.weights_of(labels)
        for i in range(8):
            anchor = (i // 2, i % 2)
            if np.ndim(labels) == 2:
                weights, others = oracle.weighted_positives_and_negatives(labels, 2, anchor)
            else:
                named, others = oracle.positives_and_negatives(labels, 2, anchor)
                weights = dict.fromkeys(named, 1.0)
            expected = [weights.get((j // 2, j % 2), 0.0) for j in range(8)]
            np.testing.assert_allclose(positives[i], expected)
            assert [(j // 2, j % 2) in others for j in range(8)] == negatives[i].tolist()


def test_the_pull_is_that_of_equation_4():
    """X - P, times the temperature: outside the logarithm X is one in the number of positives, inside their softmax."""
    s, temperature = np.array([0.5, -0.1, 0.3, 0.2, -0.4]), 0.2  # two positives, three negatives
    e = np.exp(s / temperature)
    share, drawn = e / e.sum(), np.array([1, 1, 0, 0, 0])
    for where, target in (("out", drawn / 2), ("in", drawn * e / e[:2].sum())):
        found = pictures.along_the_anchor(s, 2, temperature, summation_location=where)
        np.testing.assert_allclose(found, target - share, atol=1e-12)


def test_rows_beside_an_anchor_have_the_similarities_that_were_asked_for():
    rows = pictures.beside_an_anchor([0.3, -0.8, 1.0])
    np.testing.assert_allclose(rows @ rows[0], [1, 0.3, -0.8, 1.0])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)


def test_every_pair_of_blocks_is_visited_once():
    for by_class in (False, True):
        tiles, touching = pictures.visited(np.arange(96) % 6, by_class=by_class, rows_of_a_tile=12)
        assert len({frozenset(tile) for tile in tiles.tolist()}) == len(tiles) == 36 and 8 <= touching < 36
