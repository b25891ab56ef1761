"""The nearest rows against a stable sort of all similarities, ties too, however they are cut, whatever is sampled."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.evaluation import nearest as measured
from supcon_tf.evaluation.nearest import nearest


def rows(count=200):
    """Rows of -1, 0 and 1 of lengths 1 and 2, whose cosines are exact: many are equal, some zero. [count, 4]"""
    found = np.random.default_rng(0).integers(-1, 2, [20 * count, 4]).astype(np.float32)
    return found[np.isin((found**2).sum(1), (1, 4))][:count]


def all_of(queries, keys, neighbours):
    parts = list(nearest(queries, keys, neighbours=neighbours))
    assert [start for start, *_ in parts] == np.cumsum([0, *(len(part[1]) for part in parts[:-1])]).tolist()
    return tuple(np.concatenate(column) for column in list(zip(*parts))[1:])


@pytest.mark.parametrize("neighbours", [1, 7, 60, 200])
@pytest.mark.parametrize("keys, tile, sample", [(2**16, 2**23, 16), (50, 2**23, 4), (19, 300, 2), (40, 1, 1)])
def test_a_stable_sort_of_all_similarities(neighbours, keys, tile, sample, monkeypatch):
    for name, value in {"KEYS": keys, "TILE": tile, "SAMPLE": sample}.items():
        monkeypatch.setattr(measured, name, value)
    measured._sample.cache_clear()  # of other sizes of sample
    queries, keys = 3 * rows()[:23], rows()
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (queries, keys)]
    cosines = unit[0] @ unit[1].T
    order = np.argsort(-cosines, 1, kind="stable")[:, :neighbours]
    similarity, found = all_of(queries, keys, neighbours)
    measured._sample.cache_clear()
    np.testing.assert_array_equal(found, order)
    np.testing.assert_array_equal(similarity, np.take_along_axis(cosines, order, 1))
    assert similarity.dtype == np.float32 and (neighbours == 1 or (np.diff(similarity) == 0).any())


def test_a_sample_that_misleads_is_not_believed(monkeypatch):
    """The sampled rows hold all the large similarities: fewer than k reach what they promise."""
    sampled = measured._sample(320)
    similarity = np.random.default_rng(0).uniform(-1, 0, [5, 320]).astype(np.float32)
    similarity[:, sampled] += 1
    asked = []
    exact = measured._exact_floor
    monkeypatch.setattr(measured, "_exact_floor", lambda *given: asked.append(len(given[0])) or exact(*given))
    floor = measured._floor(similarity, 30)
    assert asked == [5]
    np.testing.assert_array_equal(floor, np.sort(similarity, 1)[:, -30])
    fair = np.random.default_rng(1).uniform(-1, 0, [5, 320]).astype(np.float32)
    floor = measured._floor(fair, 30)
    assert asked == [5, 0]  # control: of a fair sample nothing is done again
    assert ((fair >= floor[:, None]).sum(1) >= 30).all()


def test_keys_have_the_order_of_similarity_and_then_of_place():
    values = np.array([1.0, 0.5, 1e-38, 0.0, -0.0, -1e-38, -0.5, -1.0], np.float32)
    keys = measured._keys(values, np.full(8, 3))
    assert (np.diff(keys)[[0, 1, 2, 4, 5, 6]] > 0).all() and keys[3] == keys[4] and keys.max() < measured.NOBODY
    np.testing.assert_array_equal(measured._similarities(keys), values)
    places = np.array([0, 1, 2**31, 2**32 - 1])
    keys = measured._keys(np.full(4, -0.25, np.float32), places)
    assert (np.diff(keys) > 0).all()
    np.testing.assert_array_equal(keys & measured._PLACE, places)


def test_no_tile_holds_more_than_it_may(monkeypatch):
    """Memory is linear in n: of the 120 x 120 similarities no more are there at a time than a tile is told to hold."""
    sizes, merged = [], measured._merged

    def watched(similarity, *rest):
        sizes.append(similarity.size)
        return merged(similarity, *rest)

    monkeypatch.setattr(measured, "_merged", watched)
    for tile in (600, 2400):
        monkeypatch.setattr(measured, "TILE", tile)
        all_of(rows(120), rows(120), 3)
        assert 0 < max(sizes) <= tile and sum(sizes) == 120 * 120
        sizes.clear()
