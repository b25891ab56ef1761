"""Updates and plans of tiny stages, as the tests of this room make them."""

from __future__ import annotations

import functools

from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.names import STAGE_KINDS
from supcon_tf.records.directory import RunDirectory
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.duration import Duration
from supcon_tf.training.loop import train_stage
from supcon_tf.training.objectives import Contrastive, CrossEntropy, Joint, Linear
from supcon_tf.training.plan import StagePlan
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.update import Penalty, Update


def make_objective(state, stage, *, loss=None, use_labels=True, label_smoothing=0.1, batch_size=8):
    """What a stage called so minimises; `loss` are arguments of the contrastive loss."""
    contrast = functools.partial(supervised_contrastive_loss, normalize=False, **(loss or {}))  # as `run.recipe` does
    classes = state.networks.classifier.classes
    return {
        "contrastive": lambda: Contrastive(batch_size, contrast, use_labels),
        "joint": lambda: Joint(batch_size, contrast, use_labels, classes=classes, label_smoothing=label_smoothing),
        "cross_entropy": lambda: CrossEntropy(batch_size, label_smoothing),
        "linear": lambda: Linear(batch_size, label_smoothing),
    }[stage]()


def make_update(state, stage="contrastive", *, weight_decay=0.01, microbatches=1, batch_statistics=None, **objective):
    """An update of eight images; batch norm as the stage has it unless said."""
    if batch_statistics is None:
        batch_statistics = STAGE_KINDS[stage].batch_norm == "batch"
    return Update(
        state,
        make_objective(state, stage, **objective),
        penalty=Penalty(weight_decay, state.decayed()),
        microbatches=microbatches,
        batch_statistics=batch_statistics,
    )


def train(directory, state, strategy, batches, *, stage="contrastive", steps=5, pace=None, weight_decay=0.0, **options):
    """A stage of one epoch of so many batches of eight images."""
    duration = Duration(epochs=1, examples=8 * steps, batch_size=8)
    train_stage(
        StagePlan(make_update(state, stage, weight_decay=weight_decay, **options), state, batches, duration),
        strategy=strategy,
        checkpoints=StageCheckpoints(state, directory / "checkpoints"),
        reporter=Reporter(RunDirectory(directory), stage, title="t", duration=duration, learning_rate=float),
        pace=pace,
    )
