"""What is wrong with a run that its settings alone do not show: data, labels and sizes, before the first step."""

from __future__ import annotations

import numpy as np

from supcon_tf.config import Experiment, Stage, batch_statistics, micro_batches
from supcon_tf.data.sets.source import Facts, Source
from supcon_tf.encoders import form_of
from supcon_tf.names import STAGE_KINDS
from supcon_tf.optim.schedules import scaled_learning_rate
from supcon_tf.run.unread import unread

REDUCTION = {"small_image": 8, "image": 32}  # by which a ResNet with this stem shrinks the side of an image
FEW_ROWS = 8  # from which on batch norm sees too few rows to say what is usual
PLAIN_DECAY = ("momentum", "nesterov", "adamw")  # whose decay nothing scales but the learning rate
WARM = 1.0  # temperature from which the loss hardly tells near from far


def check(experiment: Experiment, source: Source, *, size: int, replicas: int) -> list[str]:
    """Refuses what cannot be trained on, and says what will hardly be meant.

    Labels are looked at where they are at hand (`Source.fetch`), not where the whole set would have to be read for it.

    Args:
        experiment: to run.
        source: its data.
        size: S, side of the images.
        replicas: R.

    Returns:
        One sentence for each doubt.

    Raises:
        ValueError: labels out of range, training images of one class only, no class with two images where the single
            view leaves no other positives, more neighbours than training images; or, where images have several
            labels, a setting that needs one class an image, or a test split without any label.
    """
    facts, knn = source.facts, experiment.knn
    if facts.label_sets:
        _refuse_one_class(experiment, facts.name)
    if "contrastive" in experiment.stages and knn.every and knn.neighbours > facts.train_examples:
        raise ValueError(
            f"`knn.neighbours` must be at most the {facts.train_examples} training images; got {knn.neighbours}."
        )
    doubts = _idle(experiment) + _shared(experiment, facts) + _sizes(experiment, size, replicas)
    for name, stage in experiment.stages.items():
        doubts += _schedule(name, stage) + _decay(name, stage)
    if facts.label_sets:
        return doubts + _label_sets(source)
    if source.fetch("test") is not None:
        alone = set(experiment.stages) == {"contrastive"}
        _check_range(source, "test", facts.classes, unlabelled=alone and not knn.every)
    if source.fetch("train") is not None:
        doubts += _labels(experiment, source)
    return doubts


def _idle(experiment: Experiment) -> list[str]:
    """Settings that do nothing here, in one sentence."""
    idle = unread(experiment)
    if not idle:
        return []
    named = ", ".join(idle[:6]) + (f" and {len(idle) - 6} more" if len(idle) > 6 else "")
    return [f"these settings have no effect in this run, where nothing reads them: {named}."]


def _shared(experiment: Experiment, facts: Facts) -> list[str]:
    """Whether the network is tested on images that it was trained on."""
    if not facts.shared:
        return []
    train = experiment.data.train_split or "the usual one"
    return [
        f"{facts.shared} of the {facts.test_examples} test images are training images, too (data.train_split: {train}; "
        f"data.test_split: {facts.test_split}), so accuracy says nothing of other images."
    ]


def _refuse_one_class(experiment: Experiment, name: str) -> None:
    """Raises for what needs one class an image, and is used."""
    comparing = any(STAGE_KINDS[name].compares for name in experiment.stages)
    need = {
        "loss.positives_cap": (comparing and experiment.loss.positives_cap is not None, "none"),
        "data.images_per_class": (comparing and experiment.data.images_per_class > 0, "0"),
        "queue.size": (comparing and experiment.queue.size > 0, "0"),
        "loss.name": (comparing and experiment.loss.name != "supcon", "supcon"),
        "cross_entropy.angular_margin": (
            "cross_entropy" in experiment.stages and experiment.cross_entropy.angular_margin > 1,
            "1",
        ),
        "knn.every": ("contrastive" in experiment.stages and experiment.knn.every > 0, "0"),
    }
    asked = [f"{setting}={off}" for setting, (on, off) in need.items() if on]
    if asked:
        raise ValueError(f"an image of {name} has several labels, where one class is needed: set {', '.join(asked)}.")


def _label_sets(source: Source) -> list[str]:
    """Doubts about the labels where an image has a set of them; raises as `check`."""
    facts = source.facts
    if source.fetch("test") is not None and not np.any(source.labels("test") > 0):
        raise ValueError(
            f"no image of {facts.name}, split 'test', has a label: there is nothing to measure. Take another "
            "data.test_split."
        )
    if source.fetch("train") is None:
        return []
    present = int(np.sum(np.any(source.labels("train") > 0, axis=0)))
    if present < 2:
        raise ValueError(
            f"the {facts.train_examples} training images of {facts.name} have {present} of its labels: there is "
            "nothing to tell apart. Take more images (data.examples=0 takes all) or another data set."
        )
    return [] if present == facts.classes else [_absent(present, facts)]


def _absent(present: int, facts: Facts) -> str:
    return (
        f"only {present} of the {facts.classes} classes of {facts.name} have training images; the others cannot be "
        "learned. data.examples=0 takes all images."
    )


def _labels(experiment: Experiment, source: Source) -> list[str]:
    """Doubts about the training labels; raises as `check`."""
    stages = set(experiment.stages)
    _check_range(source, "train", source.facts.classes, unlabelled=stages == {"contrastive"})
    labels, classes = source.labels("train"), source.facts.classes
    known = labels[labels >= 0]
    if not len(known) and "contrastive" in stages and experiment.knn.every:
        raise ValueError(
            f"nearest neighbours vote for their classes, and no training image of {source.facts.name} has one: set "
            "knn.every=0."
        )
    if stages == {"contrastive"} and not experiment.loss.use_labels:
        return []  # nothing is told apart but images
    count = np.bincount(known, minlength=classes)  # [C]
    present = np.flatnonzero(count)
    if len(present) < 2 and not (len(known) < len(labels) and len(present)):
        raise ValueError(
            f"all {len(labels)} training images of {source.facts.name} are of {len(present)} class"
            f"{'' if len(present) == 1 else 'es'}: there is nothing to tell apart. Take more images (data.examples=0 "
            "takes all) or another data set."
        )
    doubts = []
    if len(present) < classes:
        doubts.append(_absent(len(present), source.facts))
    for name in stages:
        if STAGE_KINDS[name].compares and experiment.loss.use_labels:
            doubts += _positives(experiment, name, count)
    return doubts


def _positives(experiment: Experiment, name: str, count: np.ndarray) -> list[str]:
    """Doubts about the other images of its class that an image meets in a batch; `count` [C] are images of a class."""
    batch, total, views = experiment.stages[name].batch_size, count.sum(), experiment.data.views
    alone = int(np.sum(count == 1))
    if views == 1 and count.max() < 2:
        raise ValueError(
            "with data.views=1 an image has no positives but other images of its class, and no class has two training "
            "images: set data.views=2."
        )
    doubts = []
    if views == 1 and alone:
        doubts.append(f"{alone} classes have a single image, which never has a positive with data.views=1.")
    met = (batch - 1 + experiment.queue.size) * float(np.sum(count * (count - 1.0))) / (total * max(total - 1, 1))
    if met < 1:
        consequence = "many have no positive at all" if views == 1 else "most positives are views of the image itself"
        doubts.append(
            f"in a batch of {batch} an image meets {met:.2g} others of its class on average, so {consequence}: labels "
            f"hardly matter. A larger {name}.batch_size helps."
        )
    return doubts


def _sizes(experiment: Experiment, size: int, replicas: int) -> list[str]:
    """Doubts about image, batch norm and temperature."""
    doubts, stem, loss = [], experiment.encoder.stem, experiment.loss
    if form_of(experiment.encoder.name) == "own" and size < REDUCTION[stem]:
        other = " Use encoder.stem=small_image." if stem == "image" and size >= REDUCTION["small_image"] else ""
        doubts.append(
            f"images of {size} x {size} shrink to one pixel before the last blocks of the encoder, which divides sides "
            f"by {REDUCTION[stem]} with encoder.stem={stem}.{other or ' A larger data.image_size helps.'}"
        )
    for name, stage in experiment.stages.items():
        parts = micro_batches(experiment, name)
        views = experiment.data.views if STAGE_KINDS[name].compares else 1
        rows = stage.batch_size * views // parts // (1 if experiment.cross_replica_batch_norm else replicas)
        if rows < FEW_ROWS and batch_statistics(name, stage):
            doubts.append(
                f"batch norm of the {name} stage takes its moments from {rows} image{'s' if rows > 1 else ''} at a "
                f"time. A larger {name}.batch_size, fewer train.microbatches or cross_replica_batch_norm=true help."
            )
    if (
        loss.name == "supcon"
        and loss.temperature >= WARM
        and any(STAGE_KINDS[name].compares for name in experiment.stages)
    ):
        doubts.append(
            f"at loss.temperature={loss.temperature:g} the best embeddings cost little less than equal ones, and "
            "images gather at two poles instead of by class; the paper uses 0.1."
        )
    return doubts


def _decay(name: str, stage: Stage) -> list[str]:
    """Doubts about weight decay where a step takes rate x decay x weight from a weight."""
    rate = scaled_learning_rate(stage.base_learning_rate, stage.batch_size)
    share = rate * stage.weight_decay
    if stage.optimizer not in PLAIN_DECAY or share < 1:
        return []
    return [
        f"{name}.weight_decay={stage.weight_decay:g} at a learning rate of {rate:g} takes {share:.3g} of each weight "
        f"in a step. Lower {name}.weight_decay; the paper uses 1e-4."
    ]


def _schedule(name: str, stage: Stage) -> list[str]:
    if stage.schedule != "piecewise":
        return []
    left = stage.epochs - stage.warmup_epochs
    late = [epoch for epoch in stage.decay_epochs if epoch >= left]
    if not stage.decay_epochs:
        return [f"{name}.schedule=piecewise without {name}.decay_epochs keeps its learning rate to the end."]
    if late:
        return [
            f"{name}.decay_epochs={','.join(f'{epoch:g}' for epoch in late)} never come: {left:g} epochs follow the "
            "warm-up."
        ]
    return []


def _check_range(source: Source, split: str, classes: int, *, unlabelled: bool) -> None:
    """Refuses labels outside 0 to C - 1; negative ones too, unless images without a label are of use."""
    labels = source.labels(split)
    wrong = labels[(labels >= classes) | ((labels < 0) & (not unlabelled))]
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of the {len(labels)} labels of {source.facts.name}, split {split!r}, are outside 0 to "
            f"{classes - 1}, for instance {wrong[0]}. "
            + (
                "Images without a label (-1) are of use to a contrastive stage alone: set linear.epochs=0, and "
                "knn.every=0 where test images have none."
                if wrong[0] < 0
                else "The data set names fewer classes than its labels need: prepare it again."
            )
        )
