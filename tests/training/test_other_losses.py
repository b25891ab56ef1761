"""Losses that SupCon is compared with, by the same trainer: in micro-batches and on two replicas one update."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from supcon_tf.config import Loss
from supcon_tf.distribution import collectives
from supcon_tf.losses import metric_learning
from supcon_tf.run.recipe import loss_of
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.objectives import Contrastive, LargeMargin
from supcon_tf.training.update import Penalty, Update

NAMES = sorted(metric_learning.FUNCTIONS)


def objective_of(name):
    if name == "large_margin":
        return "cross_entropy", LargeMargin(8, margin=3, share=0.5)
    return "contrastive", Contrastive(8, loss_of(Loss(name=name)))


def after_update(strategy, make_state, feed, batch, name, *, microbatches=1, objective=None):
    """Weights after an update with batch norm at its averages, so that parts are normalised as the whole."""
    stage, objective = objective or objective_of(name)
    state = make_state(strategy, stage)
    if stage == "cross_entropy":  # half way up its rise
        state.step.assign(1)
        objective = dataclasses.replace(objective, rise=2, step=state.step)
    update = Update(
        state, objective, penalty=Penalty(0.01, state.decayed()), microbatches=microbatches, batch_statistics=False
    )
    start = [variable.numpy() for variable in state.variables]
    compile_update(update, state, strategy)(*feed(strategy, *batch))
    return start, [variable.numpy() for variable in state.variables]


def largest(some, others):
    return max(float(np.abs(one - other).max()) for one, other in zip(some, others))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "large_margin"])
def test_an_update_in_micro_batches_is_that_of_the_whole_batch(name, one_device, make_state, feed, batch):
    start, whole = after_update(one_device, make_state, feed, batch, name)
    _, parts = after_update(one_device, make_state, feed, batch, name, microbatches=4)
    assert largest(whole, parts) < 1e-5 < 1e-4 < largest(start, whole)


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("name, microbatches", [*((name, 1) for name in (*NAMES, "large_margin")), ("n_pairs", 2)])
def test_two_replicas_make_the_update_of_one_device(
    name, microbatches, one_device, two_replicas, make_state, feed, batch
):
    start, alone = after_update(one_device, make_state, feed, batch, name)
    _, shared = after_update(two_replicas, make_state, feed, batch, name, microbatches=microbatches)
    assert largest(alone, shared) < 2e-5 < 1e-4 < largest(start, alone)


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("name", NAMES)
def test_without_the_gather_two_replicas_make_another_update(name, one_device, two_replicas, make_state, feed, batch):
    """Control: replicas that compare their own images alone."""

    def alone(labels, projections, queue=None):
        here = collectives.replicas().alone()
        return metric_learning.FUNCTIONS[name](labels, projections, normalize=False, replicas=here)

    _, whole = after_update(one_device, make_state, feed, batch, name)
    _, local = after_update(
        two_replicas, make_state, feed, batch, name, objective=("contrastive", Contrastive(8, alone))
    )
    assert largest(whole, local) > 1e-3
