"""What is refused before the first step, and what is only doubted; a good experiment raises no doubt."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf import settings
from supcon_tf.config import Experiment, Stage
from supcon_tf.data.sets.source import Facts
from supcon_tf.run import preflight

GOOD = Experiment(contrastive=Stage(epochs=4, batch_size=32), linear=Stage(epochs=2, batch_size=32))


class Labels:
    """A data set of which only facts and labels are asked for; without `at_hand` they would have to be read."""

    def __init__(self, train, test=None, classes=3, at_hand=True, label_sets=False, shared=0):
        test = test or ([[1, 0, 0], [0, 1, 1]] if label_sets else [0, 1])
        names = tuple("abcdefgh"[:classes])
        self.facts = Facts("some", classes, names, (32, 32, 3), len(train), len(test), "test", (), (), label_sets,
                           shared=shared)  # fmt: skip
        self._labels, self._at_hand = {"train": np.array(train), "test": np.array(test)}, at_hand

    def labels(self, split):
        assert self._at_hand
        return self._labels[split]

    def fetch(self, split):
        return len if self._at_hand else None


def doubts(changes=(), train=(0, 1, 2) * 40, size=32, replicas=1, **source):
    experiment = settings.override(GOOD, dict(changes))
    return preflight.check(experiment, Labels(train, **source), size=size, replicas=replicas)


def test_a_good_experiment_raises_no_doubt():
    assert doubts() == []


@pytest.mark.parametrize(
    "message, changes, source",
    [
        ("all 64 training images of some are of 1 class: there is nothing to tell apart", {}, {"train": [1] * 64}),
        ("1 of the 64 labels of some, split 'train', are outside 0 to 2, for instance 3", {},
         {"train": [0, 1] * 31 + [2, 3]}),
        ("for instance -1. Images without a label", {}, {"train": [0, 1] * 31 + [2, -1]}),
        ("split 'test', are outside 0 to 2, for instance -1", {}, {"test": [0, -1]}),
        ("set linear.epochs=0, and knn.every=0", {"linear.epochs": 0, "knn.every": 1, "knn.neighbours": 5},
         {"test": [0, -1]}),
        ("no training image of some has one: set knn.every=0", {"linear.epochs": 0, "knn.every": 1,
         "knn.neighbours": 5, "loss.use_labels": False}, {"train": [-1] * 64}),
        (
            "no class has two training images: set data.views=2",
            {"data.views": 1, "contrastive.batch_size": 2},
            {"train": [0, 1, 2]},
        ),
        ("`knn.neighbours` must be at most the 120 training images; got 200", {"knn.every": 1}, {}),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_refused(message, changes, source):
    with pytest.raises(ValueError) as error:
        doubts(changes, **source)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "words, changes, more",
    [
        ("only 2 of the 3 classes of some have training images", {}, {"train": [0, 1] * 40}),
        ("1 classes have a single image", {"data.views": 1}, {"train": [0, 1] * 40 + [2]}),
        ("an image meets 0.66 others of its class on average, so most positives are views of the image itself",
         {"contrastive.batch_size": 3}, {}),
        ("many have no positive at all", {"contrastive.batch_size": 3, "data.views": 1}, {}),
        ("images of 16 x 16 shrink to one pixel before the last blocks of the encoder, which divides sides by 32 with "
         "encoder.stem=image. Use encoder.stem=small_image.", {"encoder.stem": "image"}, {"size": 16}),
        ("A larger data.image_size helps", {}, {"size": 4}),
        ("batch norm of the contrastive stage takes its moments from 4 images at a time",
         {"train.microbatches": 16}, {}),
        ("moments from 4 images", {"cross_replica_batch_norm": False}, {"replicas": 16}),
        ("at loss.temperature=2 the best embeddings cost little less than equal ones", {"loss.temperature": 2.0}, {}),
        ("contrastive.decay_epochs=3,9 never come: 3 epochs follow the warm-up",
         {"contrastive.schedule": "piecewise", "contrastive.decay_epochs": (2.0, 3.0, 9.0),
          "contrastive.warmup_epochs": 1.0}, {}),
        ("contrastive.weight_decay=100 at a learning rate of 0.0125 takes 1.25 of each weight in a step. Lower",
         {"contrastive.weight_decay": 100.0}, {}),
        ("1 of the 2 test images are training images, too (data.train_split: train+test; data.test_split: test)",
         {"data.train_split": "train+test"}, {"shared": 1}),
        ("linear.schedule=piecewise without linear.decay_epochs", {"linear.schedule": "piecewise"}, {}),
    ],
)  # fmt: skip
def test_what_is_hardly_meant_is_said_in_a_sentence(words, changes, more):
    found = doubts(changes, **more)
    assert any(words in doubt for doubt in found), found
    assert not any("\n" in doubt for doubt in found)


def test_unlabelled_images_are_for_a_contrastive_stage_alone():
    assert doubts({"linear.epochs": 0}, train=[0, 1, 2] * 40 + [-1] * 5) == []
    for labels in ([-1] * 64, [0] * 64, [-1] * 60 + [0] * 4):
        assert doubts({"linear.epochs": 0, "loss.use_labels": False}, train=labels, test=[-1, -1]) == []


def test_labels_that_are_not_at_hand_are_not_read():
    assert doubts(train=[7] * 64, at_hand=False) == []


SETS = [[1, 0, 0], [1, 1, 0], [0, -1, 1], [0, 0, 0]] * 16


def test_label_sets_raise_no_doubt_where_every_class_is_there():
    assert doubts(train=SETS, label_sets=True) == []
    assert doubts(train=SETS, label_sets=True, at_hand=False) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"loss.positives_cap": 2},
        {"data.images_per_class": 2},
        {"queue.size": 64},
        {"knn.every": 1},
        {"loss.name": "n_pairs"},
        {"cross_entropy.angular_margin": 2, "cross_entropy.epochs": 1, "contrastive.epochs": 0, "linear.epochs": 0},
    ],
)
def test_what_needs_one_class_an_image_is_refused_for_label_sets(changes):
    with pytest.raises(ValueError) as error:
        doubts(changes, train=SETS, label_sets=True)
    assert f"an image of some has several labels, where one class is needed: set {next(iter(changes))}=" in str(
        error.value
    )


def test_a_test_split_without_any_label_is_refused():
    with pytest.raises(ValueError, match=r"no image of some, split 'test', has a label: there is nothing to measure"):
        doubts(train=SETS, test=[[0, 0, 0], [0, -1, 0]], label_sets=True)


def test_what_no_stage_uses_is_no_reason_to_refuse_label_sets():
    alone = settings.override(GOOD, {"contrastive.epochs": 0, "linear.epochs": 0, "cross_entropy.epochs": 2,
                                     "knn.every": 1, "queue.size": 512})  # fmt: skip
    (idle,) = preflight.check(alone, Labels(SETS, label_sets=True), size=32, replicas=1)
    assert idle == "these settings have no effect in this run, where nothing reads them: queue.size, knn.every."


def test_label_sets_of_few_classes_are_said_or_refused():
    rare = np.array(SETS) * [1, 1, 0]
    assert doubts(train=rare, label_sets=True)[0].startswith("only 2 of the 3 classes of some have training images")
    with pytest.raises(ValueError, match="the 64 training images of some have 1 of its labels"):
        doubts(train=rare * [1, 0, 0], label_sets=True)
