"""The contrastive update of the trainer on images of random noise in two views: what the measured cases share."""

from __future__ import annotations

import functools
import time

import numpy as np
import tensorflow as tf

from supcon_tf import config
from supcon_tf.distribution.strategy import make_strategy
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import build_networks
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.training.objectives import Contrastive
from supcon_tf.training.state import StageState
from supcon_tf.training.update import Penalty, Update

CLASSES, VIEWS, WIDTHS = 10, 2, (512, 128)
LOSS = functools.partial(supervised_contrastive_loss, temperature=0.1, normalize=False)  # the head ends in unit rows


def strategy_of(replicas: int) -> tf.distribute.Strategy:
    """One device, or so many logical CPU devices."""
    if replicas > 1:  # replicas on one CPU wait for one another, each in a thread of its own
        tf.config.threading.set_inter_op_parallelism_threads(4 * replicas)
    return make_strategy("mirrored" if replicas > 1 else "one_device", replicas=replicas)


def state_of(strategy, encoder: str, width: float, side: int) -> StageState:
    """A contrastive stage before its first step."""
    with strategy.scope():
        networks = build_networks(
            config.Encoder(name=encoder, width=width), config.Projection(widths=WIDTHS),
            image_shape=(side, side, 3), classes=CLASSES, cross_replica_batch_norm=strategy.num_replicas_in_sync > 1,
        )  # fmt: skip
        optimizer = build_optimizer("momentum", learning_rate=0.1)
        return StageState.create(networks, STAGE_KINDS["contrastive"].trains, optimizer)


def update_of(state: StageState, images: int, microbatches: int = 1) -> Update:
    """The contrastive update of so many images."""
    penalty = Penalty(1e-4, state.decayed())
    return Update(state, Contrastive(images, LOSS), penalty=penalty, microbatches=microbatches)


def batch_of(images: int, side: int) -> tuple:
    """Noise float32 [B, V, S, S, 3], and labels [B]."""
    random = np.random.default_rng(0)
    batch = random.standard_normal([images, VIEWS, side, side, 3], dtype=np.float32)
    return batch, random.integers(0, CLASSES, images)


def seconds_of(function, *arguments) -> float:
    """How long a call takes until its tensors are there."""
    begin = time.perf_counter()
    result = function(*arguments)
    tf.nest.map_structure(lambda value: value.numpy() if tf.is_tensor(value) else value, result)  # waits
    return time.perf_counter() - begin
