"""Gathers over two replicas: values, order, exact gradients, static shapes; and nothing at all on one device."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.distribution import collectives

SIZES = [(3, 3), (2, 5), (4, 0), (0, 4)]


def shares(strategy, rows, sizes):
    """Rows dealt to replicas in order."""
    parts = np.split(rows, [sizes[0]])
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


def on_replicas(strategy, function, *arguments, compiled):
    """What each replica returns."""

    def run(*inputs):
        return strategy.run(function, inputs)

    results = (tf.function(run) if compiled else run)(*arguments)
    return [strategy.experimental_local_results(result) for result in results]


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("compiled", [pytest.param(False, marks=pytest.mark.slow), True])
def test_every_replica_gets_all_rows_in_order(two_replicas, sizes, compiled):
    rows = np.arange(sum(sizes) * 2).reshape(-1, 2)
    dtypes = ("float32", "float64", "int32", "int64")

    def replica(mine):
        first = collectives.first_row(tf.shape(mine)[0])
        return [first, *(collectives.gather_rows(tf.cast(mine, dtype)) for dtype in dtypes)]

    first, *gathered = on_replicas(two_replicas, replica, shares(two_replicas, rows, sizes), compiled=compiled)
    assert [int(number) for number in first] == [0, sizes[0]]
    for dtype, by_replica in zip(dtypes, gathered):
        for seen in by_replica:
            assert seen.dtype == dtype
            np.testing.assert_array_equal(seen, rows.astype(dtype))


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("compiled", [pytest.param(False, marks=pytest.mark.slow), True])
def test_gradient_is_that_of_one_device(two_replicas, sizes, compiled):
    """Replica r weighs every row by its own weights; a row's gradient is the sum of what both replicas ask for."""
    rows = np.random.default_rng(0).normal(size=[sum(sizes), 3])
    weights = np.random.default_rng(1).normal(size=[2, sum(sizes), 3])

    def replica(mine, its_weights):
        with tf.GradientTape() as tape:
            tape.watch(mine)
            total = tf.reduce_sum(its_weights * collectives.gather_rows(mine) ** 2)
        return [tape.gradient(total, mine)]

    dealt = shares(two_replicas, rows, sizes), shares(two_replicas, weights, (1, 1))
    (gradients,) = on_replicas(two_replicas, replica, *dealt, compiled=compiled)
    np.testing.assert_allclose(np.concatenate(gradients), 2 * weights.sum(0) * rows, rtol=1e-12)


@pytest.mark.two_replicas_required
def test_graphs_keep_the_axes_that_all_replicas_share(two_replicas):
    seen = []

    def replica(mine):
        gathered = collectives.gather_rows(mine)
        seen.append((gathered.shape.as_list(), collectives.replica_count()))
        return [gathered]

    on_replicas(two_replicas, replica, shares(two_replicas, np.zeros([6, 2, 3]), (3, 3)), compiled=True)
    assert len(seen) >= 2 and all(facts == ([None, 2, 3], 2) for facts in seen)


@pytest.mark.two_replicas_required
def test_replicas_meet_in_loops_on_a_tpu_alone(two_replicas, monkeypatch):
    seen = []

    def replica():
        seen.append(collectives.can_meet_in_loops())

    two_replicas.run(replica)
    assert seen == [False, False] and collectives.can_meet_in_loops()  # here is one replica
    tpu = tf.distribute.TPUStrategy.__new__(tf.distribute.TPUStrategy)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: tpu)
    two_replicas.run(replica)
    assert seen[2:] == [True, True]


@pytest.mark.parametrize("strategy", [None, "CPU:0"])
def test_one_replica_gathers_nothing(strategy):
    strategy = tf.distribute.OneDeviceStrategy(strategy) if strategy else tf.distribute.get_strategy()
    rows = tf.random.normal([4, 3])

    @tf.function
    def run(rows):
        return strategy.run(lambda mine: (collectives.gather_rows(mine), collectives.first_row(4)), [rows])

    gathered, first = run(rows)
    np.testing.assert_array_equal(gathered, rows)
    assert int(first) == 0
    assert not any("ollective" in op.type for op in run.get_concrete_function(rows).graph.get_operations())


@pytest.mark.two_replicas_required
def test_outside_replicas_nothing_is_gathered(two_replicas):
    """Keras 3 calls a loss once like this while it builds a model."""
    rows = tf.ones([2, 3])
    with two_replicas.scope():
        assert tf.distribute.get_replica_context() is None
        assert collectives.replica_count() == 1
        np.testing.assert_array_equal(collectives.gather_rows(rows), rows)
        assert int(collectives.first_row(2)) == 0


@pytest.mark.two_replicas_required
@pytest.mark.parametrize(
    "sizes, expected", [((3, 3), [1, 1]), ((2, 5), [4 / 7, 10 / 7]), ((4, 0), [2, 0]), ((0, 0), [0, 0])]
)
def test_a_share_is_what_a_replica_holds_over_what_it_would_hold(two_replicas, sizes, expected):
    """Weighed so, the mean of the replicas' means is the mean over all rows."""
    rows = np.random.default_rng(0).normal(size=[sum(sizes)])
    (found,) = on_replicas(
        two_replicas, lambda mine: [collectives.share_of_batch(tf.size(mine))], shares(two_replicas, rows, sizes),
        compiled=True,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert sizes[0] != sizes[1] or sizes[0] == 0 or list(map(float, found)) == [1.0, 1.0]  # not even a rounding
    means = [part.mean() if len(part) else 0 for part in np.split(rows, [sizes[0]])]
    if len(rows):
        assert np.mean(np.array(means) * found) == pytest.approx(rows.mean())


def test_alone_a_replica_holds_its_share():
    assert float(collectives.share_of_batch(7)) == 1.0


def test_replicas_that_are_not_here_can_be_stood_in_for():
    """Everything asks the same place: counts, gathers, first rows, loops and devices."""

    def gather(rows):
        return tf.concat([rows, rows + 10], 0)

    stand_ins = collectives.Replicas(2, gather, lambda rows: tf.constant(0), one_program=True, accelerated=True)

    @tf.function
    def traced(rows):
        return collectives.gather_rows(rows), collectives.share_of_batch(tf.size(rows))

    with collectives.standing_in(stand_ins):
        assert collectives.replicas() is stand_ins and collectives.replica_count() == 2
        assert collectives.can_meet_in_loops() and int(collectives.first_row(3)) == 0
        rows, share = traced(tf.constant([1, 2]))
        np.testing.assert_array_equal(rows, [1, 2, 11, 12])
        assert float(share) == pytest.approx(2 * 2 / (2 + 12))  # the other said 12
        alone = stand_ins.alone()
        assert alone.count == 1 and alone.accelerated and alone.gather(rows) is rows
        with collectives.standing_in(alone):
            assert collectives.replica_count() == 1
        assert collectives.replica_count() == 2
    assert collectives.replica_count() == 1 and not collectives.replicas().accelerated


def test_a_stand_in_is_gone_after_an_error():
    stand_ins = collectives.replicas()._replace(count=3)
    with pytest.raises(KeyError), collectives.standing_in(stand_ins):
        raise KeyError
    assert collectives.replica_count() == 1
