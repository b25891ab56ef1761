"""The loss with a queue of past rows: plain loops, one large batch that has the queue in it, and a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.losses.queue import Queue
from supcon_tf.losses.supcon import supervised_contrastive_loss
from tests.losses.problems import MODES, assert_close, unit_rows, value_and_gradient
from tests.marks import slow_but
from tests.oracles import supcon as oracle

LABELS = np.array([4, 0, 4, -1, 4, 0, 5, -1, 7])
QUEUE_LABELS = np.array([0, 9, 4, -1, 4, 7, 0, 0, 8])
FILLED = 6
FAST_MODES = [("out", "all"), ("in", "one_positive")]
PROJECTIONS, ROWS = unit_rows(9, 2, 3), unit_rows(9, 3, seed=1)
QUEUE = Queue(ROWS, QUEUE_LABELS, FILLED)


@pytest.mark.parametrize("summation, denominator", slow_but(MODES, FAST_MODES))
def test_every_mode_equals_plain_loops_and_the_gradient_of_the_whole_matrix(summation, denominator):
    for contrast, temperature in (("one", 0.2), ("all", 0.2), ("all", 0.002)):
        arguments = dict(
            temperature=temperature, contrast_mode=contrast, summation_location=summation,
            denominator_mode=denominator, no_positives="exclude",
        )  # fmt: skip
        found = value_and_gradient(LABELS, PROJECTIONS, queue=QUEUE, tile_rows=4, **arguments)
        assert_close(found, value_and_gradient(LABELS, PROJECTIONS, queue=QUEUE, **arguments))
        if temperature == 0.2:
            kept = {"queue_rows": ROWS[:FILLED], "queue_labels": QUEUE_LABELS[:FILLED]}
            expected = oracle.supervised_contrastive_loss(LABELS, PROJECTIONS, **arguments, **kept)
            np.testing.assert_allclose(found[0], expected, rtol=1e-12)


@pytest.mark.parametrize("tile_rows", [None, pytest.param(4, marks=pytest.mark.slow)])
def test_the_queue_is_as_if_its_rows_were_in_the_batch_but_no_anchors(tile_rows):
    """With one view; the gradient by the batch is then that of the batch's own losses in the larger batch."""
    batch, labels = PROJECTIONS[:, 0], np.concatenate([LABELS, QUEUE_LABELS])
    found = value_and_gradient(LABELS, batch, queue=Queue(ROWS, QUEUE_LABELS), tile_rows=tile_rows)
    together = value_and_gradient(labels, np.concatenate([batch, ROWS]), images=len(batch), tile_rows=tile_rows)
    assert_close(found, together)
    without = value_and_gradient(LABELS, batch, tile_rows=tile_rows)
    assert np.abs(found[0] - without[0]).max() > 0.1  # the control: the queue is not left out


@pytest.mark.parametrize("tile_rows", [None, 4])
def test_equal_rows_cost_the_logarithm_of_all_others(tile_rows):
    same = np.broadcast_to(ROWS[0], [4, 2, 3])
    queue = Queue(np.broadcast_to(ROWS[0], [9, 3]), QUEUE_LABELS, 5)
    values = supervised_contrastive_loss([0, 1, 0, -1], same, temperature=0.2, queue=queue, tile_rows=tile_rows)
    np.testing.assert_allclose(values, 0.2 * np.log(4 * 2 + 5 - 1), rtol=1e-12)


@pytest.mark.parametrize("tile_rows", [None, pytest.param(4, marks=pytest.mark.slow)])
def test_places_that_are_not_filled_do_not_matter_nor_does_the_order_of_the_others(tile_rows):
    arguments = {"summation_location": "in", "denominator_mode": "one_positive", "tile_rows": tile_rows}
    expected = value_and_gradient(LABELS, PROJECTIONS, queue=QUEUE, **arguments)
    order = np.array([5, 2, 0, 1, 4, 3])
    rows = np.concatenate([ROWS[order], np.full([2, 3], np.nan)])
    labels = np.concatenate([QUEUE_LABELS[order], [4, 0]])
    assert_close(value_and_gradient(LABELS, PROJECTIONS, queue=Queue(rows, labels, FILLED), **arguments), expected)
    empty = value_and_gradient(LABELS, PROJECTIONS, queue=Queue(rows, labels, 0), **arguments)
    assert_close(empty, value_and_gradient(LABELS, PROJECTIONS, **arguments))


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_graph_and_xla_equal_eager_while_the_queue_fills(jit_compile):
    graph = tf.function(
        lambda y, z, rows, labels, filled: value_and_gradient(y, z, queue=Queue(rows, labels, filled), tile_rows=4),
        jit_compile=jit_compile,
    )
    for filled in (0, 4, 9):
        inputs = [tf.constant(value) for value in (LABELS, PROJECTIONS, ROWS, QUEUE_LABELS, filled)]
        expected = value_and_gradient(LABELS, PROJECTIONS, queue=Queue(ROWS, QUEUE_LABELS, filled), tile_rows=4)
        assert_close(graph(*inputs), expected)


@pytest.mark.parametrize(
    "summation, denominator", [MODES[0], *(pytest.param(*mode, marks=pytest.mark.slow) for mode in MODES[1:])]
)
def test_value_and_gradient_are_finite_at_low_temperatures(summation, denominator):
    arguments = {"temperature": 1e-3, "summation_location": summation, "denominator_mode": denominator}
    for rows in (ROWS, -ROWS, np.zeros_like(ROWS)):
        queue = Queue(rows.astype("float32"), QUEUE_LABELS)
        found = value_and_gradient(LABELS, PROJECTIONS.astype("float32"), queue=queue, tile_rows=4, **arguments)
        assert all(np.isfinite(array).all() for array in found)


@pytest.mark.parametrize(
    "queue, arguments, message",
    [
        (ROWS, {}, "`queue` must be a `losses.queue.Queue` or None; got ndarray"),
        (Queue(ROWS[:, :2], QUEUE_LABELS), {}, r"`queue.rows` must be float \[Q, 3\].*got float64 \(9, 2\)"),
        (Queue(ROWS.astype(int), QUEUE_LABELS), {}, "got int64"),
        (Queue(ROWS, QUEUE_LABELS[:4]), {}, "`queue.labels` are 4 and `queue.rows` 9: give one label a row"),
        (Queue(ROWS, QUEUE_LABELS + 0.5), {}, "must be whole numbers"),
        (QUEUE, {"positives_cap": 2}, "`positives_cap` counts images of the batch"),
    ],
)
def test_wrong_queues_are_named(queue, arguments, message):
    with pytest.raises(ValueError, match=message):
        supervised_contrastive_loss(LABELS, PROJECTIONS, queue=queue, **arguments)


def test_label_sets_that_overlap_are_refused():
    with pytest.raises(ValueError, match="must be one-hot: a `queue` has one label per row"):
        supervised_contrastive_loss(np.ones([9, 2]), PROJECTIONS, queue=QUEUE)
