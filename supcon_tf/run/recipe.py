"""The parts of a stage, made from what its experiment says of it: the one place where a stage's config is opened."""

from __future__ import annotations

import functools
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.augment.evaluation_crops import Crop, evaluation_crop
from supcon_tf.augment.policies import Augmentation, policy
from supcon_tf.augment.views import Views, several
from supcon_tf.config import Experiment, Loss, Stage, batch_statistics, micro_batches
from supcon_tf.data import pipeline
from supcon_tf.distribution import collectives
from supcon_tf.evaluation.accuracy import accuracy_on, precision_on
from supcon_tf.evaluation.knn import knn_accuracy_on
from supcon_tf.layers.moving_averages import set_batch_norm_momentum
from supcon_tf.losses import metric_learning
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.names import OWN_DECAY, STAGE_KINDS
from supcon_tf.networks.networks import Networks
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.optim.schedules import WarmupSchedule, learning_rate_schedule, scaled_learning_rate
from supcon_tf.run.context import RunContext
from supcon_tf.training.duration import Duration
from supcon_tf.training.momentum_queue import MomentumQueue
from supcon_tf.training.objectives import Contrastive, CrossEntropy, Joint, LargeMargin, Linear
from supcon_tf.training.plan import Pace, StagePlan
from supcon_tf.training.plateau import Plateau, PlateauWatch
from supcon_tf.training.start import StartWatch
from supcon_tf.training.state import StageState, decayed_parts
from supcon_tf.training.update import Penalty, Update

EVALUATION_BATCH = 256  # images; the last batch is padded, so the number decides speed only


class Prepared(NamedTuple):
    """A stage that is ready to train, and what is told of it."""

    plan: StagePlan
    schedule: WarmupSchedule
    watch: Optional[PlateauWatch]  # of its loss, where that has a plateau
    start: Optional[StartWatch]  # of its embeddings, where it compares them


def prepare(run: RunContext, name: str) -> Prepared:
    """The stage called `name` of a run, at step 0; one that trains the classifier alone begins with a new one."""
    experiment, stage, kind = run.experiment, run.experiment.stages[name], STAGE_KINDS[name]
    if not kind.encodes:
        run.networks.renew_classifier()
    duration = duration_of(stage, run.source.facts.train_examples)
    schedule = schedule_of(stage, duration)
    for networks in filter(None, (run.networks, run.networks.follower)):
        for part in networks.parts().values():
            set_batch_norm_momentum(part, stage.batch_norm_momentum)
    state = state_of(experiment, name, run.networks, schedule, run.strategy)
    plan = StagePlan(
        update_of(experiment, name, state),
        state,
        batches=training_batches(run, name),
        duration=duration,
        evaluate=_evaluation(run, classifies=kind.classifies),
        evaluate_every=stage.evaluate_every if kind.classifies else experiment.knn.every,
    )
    return Prepared(plan, schedule, _watch(experiment, name, duration), _start(experiment, name))


def duration_of(stage: Stage, examples: int) -> Duration:
    """How long the stage is on so many training images; ValueError where its batch is larger."""
    return Duration(stage.epochs, examples, stage.batch_size)


def schedule_of(stage: Stage, duration: Duration) -> WarmupSchedule:
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


def state_of(
    experiment: Experiment, name: str, networks: Networks, schedule: WarmupSchedule, strategy: tf.distribute.Strategy
) -> StageState:
    """The stage's state at step 0."""
    stage, trains = experiment.stages[name], STAGE_KINDS[name].trains
    decayed = {id(variable) for variable in _decayed(stage, networks, trains)}
    with strategy.scope():
        optimizer = build_optimizer(
            stage.optimizer,
            learning_rate=schedule,
            weight_decay=stage.weight_decay if stage.optimizer in OWN_DECAY else 0.0,
            undecayed=[variable for variable in networks.variables_of(trains) if id(variable) not in decayed],
            rmsprop_epsilon=stage.rmsprop_epsilon,
        )
        if experiment.precision == "mixed_float16":
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        return StageState.create(networks, trains, optimizer, _queue(experiment, name, networks))


def update_of(experiment: Experiment, name: str, state: StageState, **how) -> Update:
    """What one replica does in a step of the stage; `how` its contrastive loss is computed, beside what a run says."""
    stage = experiment.stages[name]
    coefficient = 0.0 if stage.optimizer in OWN_DECAY else stage.weight_decay
    return Update(
        state,
        _objective(experiment, name, state, how),
        penalty=Penalty(coefficient, _decayed(stage, state.networks, state.trains)),
        microbatches=micro_batches(experiment, name),
        batch_statistics=batch_statistics(name, stage),
    )


def views_of(experiment: Experiment, name: str, size: int) -> Views:
    """From (image, seed) to the views that the stage sees of an image."""
    count = experiment.data.views if STAGE_KINDS[name].compares else 1
    return several(augmentation_of(experiment, name, size), count=count)


def augmentation_of(experiment: Experiment, name: str, size: int) -> Augmentation:
    """From (image, seed) to one view."""
    own = experiment.stages[name].augment
    return policy(
        own.policy,
        size=size,
        crop_area=own.crop_area,
        flip=own.flip,
        strength=own.strength,
        jitter=own.jitter,
        jitter_probability=own.jitter_probability,
        grayscale_probability=own.grayscale_probability,
        warp_probability=own.warp_probability,
        blur_probability=own.blur_probability,
        auto_policy=own.auto_policy,
        rand_layers=own.rand_layers,
        rand_magnitude=own.rand_magnitude,
        stacked_order=own.stacked_order,
    )


def crop_of(experiment: Experiment, size: int) -> Crop:
    """From an image to what evaluation shows the encoder of it."""
    return evaluation_crop(experiment.data.evaluation_crop, size=size, padding=experiment.data.evaluation_padding)


def training_batches(run: RunContext, name: str) -> Callable:
    """From the steps done and an input pipeline to the rest of its share of the stage's stream."""
    experiment, views = run.experiment, views_of(run.experiment, name, run.size)

    def batches(done: int, context: tf.distribute.InputContext) -> tf.data.Dataset:
        return pipeline.training(
            run.source,
            views,
            batch_size=experiment.stages[name].batch_size,
            seed=experiment.seed,
            start_step=done,
            images_per_class=experiment.data.images_per_class if STAGE_KINDS[name].compares else 0,
            input_context=context,
        )

    return batches


def evaluation_batches(run: RunContext, split: str) -> Callable:
    """From an input pipeline to its share of every image of "train" or "test", once, as it is."""
    crop = crop_of(run.experiment, run.size)
    return lambda context: pipeline.evaluation(
        run.source, split, crop, batch_size=EVALUATION_BATCH, input_context=context
    )


def kept_images(experiment: Experiment) -> Optional[int]:
    """Most other images of its class that an image is drawn to."""
    cap = experiment.loss.positives_cap
    return None if cap is None else cap // experiment.data.views


def compiles_parts(experiment: Experiment, replicas: int) -> bool:
    """Whether XLA compiles what lies between the meetings of replicas, and not the step around them."""
    return experiment.train.jit_compile and replicas > 1


def pace_of(experiment: Experiment, replicas: int) -> Pace:
    """How steps are made."""
    train = experiment.train
    return Pace(train.steps_per_call, train.checkpoint_every, jit_compile=train.jit_compile and replicas == 1)


def _objective(experiment: Experiment, name: str, state: StageState, how: dict):
    """What the stage minimises."""
    stage, kind = experiment.stages[name], STAGE_KINDS[name]
    shared = {"batch_size": stage.batch_size}
    smoothing = {"label_smoothing": stage.label_smoothing}
    if not kind.compares and kind.encodes and stage.angular_margin > 1:
        rising = {"share": stage.margin_share, "rise": stage.margin_steps, "step": state.step}
        return LargeMargin(**shared, **smoothing, margin=stage.angular_margin, **rising)
    if not kind.compares:
        return (CrossEntropy if kind.encodes else Linear)(**shared, **smoothing)
    loss = loss_of(experiment.loss, jit_compile=compiles_parts(experiment, state.replicas), **how)
    shared.update(loss=loss, use_labels=experiment.loss.use_labels)
    if not kind.classifies:
        return Contrastive(**shared)
    return Joint(**shared, **smoothing, classes=state.networks.classifier.classes)


def loss_of(loss: Loss, **how) -> Callable:
    """From (labels, projections, queue=...) to one loss per image.

    Args:
        loss: what the config says.
        how: how the paper's loss is computed; the others store the whole matrix.
    """
    if loss.name != "supcon":
        return _other_loss(loss)
    return functools.partial(
        supervised_contrastive_loss,
        temperature=loss.temperature,
        base_temperature=loss.base_temperature,
        contrast_mode=loss.contrast_mode,
        summation_location=loss.summation_location,
        denominator_mode=loss.denominator_mode,
        positives_cap=loss.positives_cap,
        no_positives=loss.no_positives,
        normalize=False,  # the projection head ends in unit rows
        **how,
    )


def _other_loss(loss: Loss) -> Callable:
    """A loss that the paper's is compared with."""

    def of_batch(labels, projections, queue=None):
        if queue is not None:
            raise ValueError(f"`loss.name={loss.name}` compares with no past images: set queue.size=0.")
        here = {"normalize": False, "replicas": collectives.replicas()}
        return metric_learning.with_margin(loss.name, loss.margin, **here)(labels, projections)

    return of_batch


def _decayed(stage: Stage, networks: Networks, trains: tuple) -> list:
    """The variables that the stage's weight decay shrinks."""
    return decayed_parts(networks, trains, kinds=stage.decayed, parts=stage.decayed_parts)


def _queue(experiment: Experiment, name: str, networks: Networks) -> Optional[MomentumQueue]:
    """The memory of a stage with a contrastive loss, where the experiment asks for one."""
    if not STAGE_KINDS[name].compares or not experiment.queue.size:
        return None
    return MomentumQueue(
        networks,
        size=experiment.queue.size,
        momentum=experiment.queue.momentum,
        batch_statistics=batch_statistics(name, experiment.stages[name]),
        microbatches=micro_batches(experiment, name),
    )


def _watch(experiment: Experiment, name: str, duration: Duration) -> Optional[PlateauWatch]:
    """Says in words when the loss stays where collapsed embeddings have it, where that does not depend on the batch."""
    loss, stage = experiment.loss, experiment.stages[name]
    if not STAGE_KINDS[name].compares or loss.name != "supcon":
        return None
    if loss.denominator_mode != "all" or loss.positives_cap is not None or experiment.data.views == 1:
        return None  # How many rows an anchor is compared with, or whether with any, then depends on the batch.
    rows = experiment.data.views * stage.batch_size + experiment.queue.size
    scale = 1.0 if loss.base_temperature is None else loss.temperature / loss.base_temperature
    return PlateauWatch(
        Plateau(rows, loss.temperature, scale),
        duration=duration,
        warmup_epochs=stage.warmup_epochs,
        width=experiment.projection.widths[-1],
        stage=name,
    )


def _start(experiment: Experiment, name: str) -> Optional[StartWatch]:
    """Says when embeddings are still nearly equal after the first epoch."""
    if not STAGE_KINDS[name].compares:
        return None
    head = experiment.projection
    return StartWatch(width=head.widths[-1], last_batch_norm=head.last_batch_norm, stage=name)


def _evaluation(run: RunContext, *, classifies: bool) -> Optional[Callable[[], dict]]:
    """What is measured on the test split while a stage trains: the classifier, or neighbours where none is trained."""
    test = evaluation_batches(run, "test")
    if classifies:
        measure = precision_on if run.source.facts.label_sets else accuracy_on
        return measure(run.networks, strategy=run.strategy, batches=test)
    knn = run.experiment.knn
    if not knn.every:
        return None
    return knn_accuracy_on(
        run.networks,
        strategy=run.strategy,
        train_batches=evaluation_batches(run, "train"),
        test_batches=test,
        classes=run.source.facts.classes,
        neighbours=knn.neighbours,
        temperature=knn.temperature,
    )
