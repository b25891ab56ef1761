"""How the passes are run: a graph of their own where it pays, one for any batch, and never more than a few."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.losses.tiled import compiling
from supcon_tf.losses.tiled.forward import forward
from tests.losses.problems import unit_rows

TRACED = []


@compiling.as_graph
def doubled(rows, other, *, mode):
    """[n, T, D]; `other` may be None."""
    del other
    TRACED.append((mode, rows.shape.as_list(), tf.executing_eagerly()))
    return 2 * rows


@pytest.fixture(autouse=True)
def _nothing_traced():
    TRACED.clear()
    doubled.graphs.cache_clear()


def test_eager_calls_share_a_graph_whatever_the_batch():
    for count in range(1, 9):
        np.testing.assert_array_equal(doubled(tf.ones([count, 2, 3]), None, mode=1), np.full([count, 2, 3], 2))
    assert TRACED == [(1, [1, 2, 3], False), (1, [None, 2, 3], False)]


def test_modes_and_widths_have_graphs_of_their_own():
    for width, mode in ((3, 1), (4, 1), (3, 2), (3, 1)):
        assert doubled(tf.ones([1, 2, width]), None, mode=mode).shape == [1, 2, width]
    assert len(TRACED) == doubled.graphs.cache_info().currsize == 3


def test_a_hundred_modes_do_not_keep_a_hundred_graphs():
    for mode in range(100):
        doubled(tf.ones([1, 1, 1]), None, mode=mode)
    assert doubled.graphs.cache_info().currsize == compiling._GRAPHS < 100


def test_in_a_graph_the_function_is_a_part_of_it():
    graph = tf.function(lambda rows: doubled(rows, None, mode=1))
    definition = graph.get_concrete_function(tf.ones([5, 2, 3])).graph.as_graph_def()
    assert not definition.library.function and TRACED == [(1, [5, 2, 3], False)]


def test_xla_compiles_it_where_asked_and_keeps_its_shapes():
    graph = tf.function(lambda rows: doubled(rows, None, mode=1, jit_compile=True))
    for count in (1, 2):
        definition = graph.get_concrete_function(tf.ones([count, 2, 3])).graph.as_graph_def()
        assert [f.attr["_XlaMustCompile"].b for f in definition.library.function if "_XlaMustCompile" in f.attr] == [
            True
        ]
    assert [shape for _, shape, _ in TRACED] == [[1, 2, 3], [2, 2, 3]]


def test_a_user_of_many_batch_sizes_waits_for_two_traces(monkeypatch):
    """The kernel's own pass: its sizes are tensors, none of them a number that a trace would be made for."""
    forward.graphs.cache_clear()
    made, trace = [], tf.function

    def counting(function, **how):
        def counted(*arguments):
            made.append(how)
            return function(*arguments)

        return trace(counted, **how)

    monkeypatch.setattr(tf, "function", counting)
    for images in (5, 9, 9, 14, 30, 31, 2):
        found = supervised_contrastive_loss(np.arange(images) % 3, unit_rows(images, 2, 4), tile_rows=8)
        assert np.isfinite(found).all()
    forward.graphs.cache_clear()
    assert len(made) == 2, made
