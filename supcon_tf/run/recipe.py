"""The parts of a stage, made from what its experiment says of it."""

from __future__ import annotations

import dataclasses
from typing import Optional

import tensorflow as tf

from supcon_tf.config import Experiment, Stage, batch_statistics
from supcon_tf.names import OWN_DECAY, STAGE_KINDS
from supcon_tf.networks.networks import Networks
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.optim.schedules import learning_rate_schedule, scaled_learning_rate
from supcon_tf.training import steps
from supcon_tf.training.loop import Duration
from supcon_tf.training.momentum_queue import MomentumQueue
from supcon_tf.training.plateau import Plateau, PlateauWatch
from supcon_tf.training.state import StageState


def schedule_of(stage: Stage, duration: Duration) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    """The stage's learning rate by step."""
    return learning_rate_schedule(
        stage.schedule,
        peak_learning_rate=scaled_learning_rate(stage.base_learning_rate, stage.batch_size),
        total_steps=duration.total_steps,
        warmup_steps=stage.warmup_epochs * duration.steps_per_epoch,
        decay_rate=stage.decay_rate,
        steps_per_decay=stage.epochs_per_decay * duration.steps_per_epoch,
        boundaries=tuple(epoch * duration.steps_per_epoch for epoch in stage.decay_epochs),
    )


def first_state(experiment: Experiment, name: str, networks: Networks, schedule, strategy) -> StageState:
    """The stage's state at step 0."""
    stage = experiment.stages[name]
    variables = steps.trained_variables(networks, name)
    decayed = {id(variable) for variable in _decayed(networks, name, stage)}
    with strategy.scope():
        optimizer = build_optimizer(
            stage.optimizer,
            learning_rate=schedule,
            weight_decay=stage.weight_decay if stage.optimizer in OWN_DECAY else 0.0,
            undecayed=[variable for variable in variables if id(variable) not in decayed],
            rmsprop_epsilon=stage.rmsprop_epsilon,
        )
        if experiment.precision == "mixed_float16":
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        return StageState.create(networks, optimizer, variables, _queue(experiment, name, networks))


def step_of(experiment: Experiment, name: str, state: StageState, **how) -> steps.Step:
    """What one replica does in this stage; `how` its contrastive loss is computed, beside what the experiment says."""
    stage = experiment.stages[name]
    shared = {
        "batch_size": stage.batch_size,
        "weight_decay": 0.0 if stage.optimizer in OWN_DECAY else stage.weight_decay,
        "decayed": _decayed(state.networks, name, stage),
        "batch_statistics": batch_statistics(name, stage),
    }
    if name == "linear":
        return steps.linear_step(state, label_smoothing=stage.label_smoothing, **shared)
    shared["microbatches"] = experiment.train.microbatches
    if name == "cross_entropy":
        return steps.cross_entropy_step(state, label_smoothing=stage.label_smoothing, **shared)
    loss = {**dataclasses.asdict(experiment.loss), "jit_compile": compiles_parts(experiment, state.replicas), **how}
    shared.update(use_labels=loss.pop("use_labels"), loss=loss)
    if name == "joint":
        return steps.joint_step(state, label_smoothing=stage.label_smoothing, **shared)
    return steps.contrastive_step(state, **shared)


def _queue(experiment: Experiment, name: str, networks: Networks) -> Optional[MomentumQueue]:
    """The memory of a stage with a contrastive loss, where the experiment asks for one."""
    if not STAGE_KINDS[name].compares or not experiment.queue.size:
        return None
    return MomentumQueue(
        networks,
        size=experiment.queue.size,
        momentum=experiment.queue.momentum,
        batch_statistics=batch_statistics(name, experiment.stages[name]),
        microbatches=experiment.train.microbatches,
    )


def _decayed(networks: Networks, name: str, stage: Stage) -> list:
    """The variables that the stage's weight decay shrinks."""
    return steps.penalized_variables(networks, name, kinds=stage.decayed, parts=stage.decayed_parts)


def compiles_parts(experiment: Experiment, replicas: int) -> bool:
    """Whether XLA compiles what lies between the meetings of replicas, and not the step around them."""
    return experiment.train.jit_compile and replicas > 1


def kept_images(experiment: Experiment) -> Optional[int]:
    """Most other images of its class that an image is drawn to."""
    cap = experiment.loss.positives_cap
    return None if cap is None else cap // experiment.data.views


def plateau_of(experiment: Experiment, stage: Stage) -> Optional[Plateau]:
    """What collapsed embeddings cost, where that does not depend on the batch."""
    loss, rows = experiment.loss, experiment.data.views * stage.batch_size + experiment.queue.size
    if loss.denominator_mode != "all" or loss.positives_cap is not None or experiment.data.views == 1:
        return None  # How many rows an anchor is compared with, or whether with any, then depends on the batch.
    scale = 1.0 if loss.base_temperature is None else loss.temperature / loss.base_temperature
    return Plateau(rows, loss.temperature, scale)


def watch_of(experiment: Experiment, name: str, plateau: Plateau, duration: Duration) -> PlateauWatch:
    """Says in words when the loss stays on its plateau."""
    return PlateauWatch(
        plateau,
        total_steps=duration.total_steps,
        warmup_steps=experiment.stages[name].warmup_epochs * duration.steps_per_epoch,
        width=experiment.projection.widths[-1],
        stage=name,
    )
