"""The parts of a stage are what its config says, and nothing else opens it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import names, settings
from supcon_tf.config import Data, Experiment, Loss, Stage
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from supcon_tf.losses import metric_learning
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import recipe
from supcon_tf.run.context import RunContext
from supcon_tf.training.objectives import Contrastive, CrossEntropy, Joint, LargeMargin, Linear
from tests.tiny import tiny_networks

STAGE = Stage(epochs=4, batch_size=20, base_learning_rate=1.0, warmup_epochs=1)
EXPERIMENT = Experiment(
    data=Data(name="digits", examples=60), contrastive=STAGE, linear=dataclasses.replace(STAGE, warmup_epochs=0.0)
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return selected(load_source("digits", str(tmp_path_factory.mktemp("data"))), examples=60)


@pytest.fixture
def context(source, one_device, tmp_path):
    """A function from changed fields to what a run of tiny networks has."""

    def make(**changes):
        experiment = settings.override(EXPERIMENT, changes)
        directory = RunDirectory(tmp_path)
        with one_device.scope():
            networks = tiny_networks(classes=10)
            networks.follower = tiny_networks(classes=10)
        return RunContext(experiment, directory, directory, one_device, source, 8, networks)

    return make


def only(name):
    """The fields that leave a single stage called so."""
    epochs = {"contrastive.epochs": 0, "linear.epochs": 0, "contrastive.warmup_epochs": 0.0}
    return {**epochs, f"{name}.epochs": 2, f"{name}.batch_size": 20}


@pytest.mark.parametrize(
    "name, kind, views, measure",
    [
        ("contrastive", Contrastive, 2, None),
        ("joint", Joint, 2, "test_accuracy"),
        ("cross_entropy", CrossEntropy, 1, "test_accuracy"),
    ],
)
def test_each_kind_of_stage_has_its_objective_views_and_measure(name, kind, views, measure, context):
    run = context(**only(name))
    stage = recipe.prepare(run, name)
    assert type(stage.plan.update._objective) is kind
    images, labels = next(iter(stage.plan.batches(0, tf.distribute.InputContext())))
    assert images.shape == (20, views, 8, 8, 1) and labels.shape == (20,)
    assert (stage.watch is not None) == (views == 2)
    assert (stage.plan.evaluate is None) == (measure is None)
    if measure:
        assert measure in stage.plan.evaluate()


def test_the_linear_stage_leaves_the_encoder_alone(context):
    stage = recipe.prepare(context(), "linear")
    assert type(stage.plan.update._objective) is Linear
    assert stage.plan.state.trains == ("classifier",) and not stage.plan.update._training


def test_neighbours_are_asked_where_no_classifier_is_trained(context):
    run = context(**{"knn.every": 2, "knn.neighbours": 5})
    stage = recipe.prepare(run, "contrastive")
    assert stage.plan.evaluate_every == 2 and 0 <= stage.plan.evaluate()["knn_accuracy"] <= 1


def test_the_schedule_counts_in_steps(context):
    """Three steps an epoch; one epoch of warm-up, then half a cosine to the end of the twelfth step."""
    schedule = recipe.prepare(context(), "contrastive").schedule
    peak = 20 / 256
    rates = [float(schedule(step)) for step in (0, 3, 12)]
    np.testing.assert_allclose(rates, [0.0, peak, 0.0], atol=1e-7)


@pytest.mark.parametrize("optimizer, own", [("momentum", False), ("lars", True), ("adamw", True)])
def test_a_weight_decays_once_by_the_optimizer_or_by_a_penalty(optimizer, own, context):
    changes = {"contrastive.optimizer": optimizer, "contrastive.weight_decay": 0.25}
    stage = recipe.prepare(context(**changes), "contrastive")
    assert stage.plan.update._penalty.coefficient == (0.0 if own else 0.25)
    assert len(stage.plan.update._penalty.variables) == 4  # two convolutions, two dense layers
    optimizer = stage.plan.state.optimizer
    decay = getattr(optimizer, "coupled_weight_decay", None) or optimizer.get_config().get("weight_decay")
    assert (decay == 0.25) == own


def test_a_loss_is_made_of_all_its_fields():
    loss = Loss(temperature=0.3, base_temperature=None, contrast_mode="one", summation_location="in",
                denominator_mode="only_negatives", positives_cap=4, no_positives="exclude")  # fmt: skip
    given = recipe.loss_of(loss, jit_compile=True).keywords
    fields = dataclasses.asdict(loss)
    assert (fields.pop("name"), fields.pop("margin"), fields.pop("use_labels")) == ("supcon", None, True)
    assert {name: given[name] for name in fields} == fields and given["jit_compile"] is True


@pytest.mark.parametrize("name", [name for name in names.LOSSES if name != "supcon"])
def test_another_loss_is_the_function_of_its_name_with_the_margin_and_without_a_queue(name):
    labels, projections = np.array([0, 1, 0, 1, 2]), tf.math.l2_normalize(tf.random.normal([5, 2, 4]), -1)
    for margin in (None, 0.3):
        found = recipe.loss_of(Loss(name=name, margin=margin), jit_compile=True)(labels, projections, queue=None)
        told = {} if margin is None or name == "n_pairs" else {"margin": margin}
        np.testing.assert_array_equal(
            found, metric_learning.FUNCTIONS[name](labels, projections, normalize=False, **told)
        )
    with pytest.raises(ValueError, match=f"`loss.name={name}` compares with no past images: set queue.size=0"):
        recipe.loss_of(Loss(name=name))(labels, projections, queue=())


def test_a_loss_without_a_plateau_is_not_watched_for_one_but_its_start_is(context):
    stage = recipe.prepare(context(**{"loss.name": "triplet_hard"}), "contrastive")
    assert stage.watch is None and stage.start is not None


def test_an_angular_margin_makes_the_cross_entropy_stage_that_of_max_margin(context):
    changes = {"cross_entropy.angular_margin": 3, "cross_entropy.margin_share": 0.5, "cross_entropy.margin_steps": 8}
    plan = recipe.prepare(context(**only("cross_entropy"), **changes), "cross_entropy").plan
    objective = plan.update._objective
    assert type(objective) is LargeMargin and (objective.margin, objective.share, objective.rise) == (3, 0.5, 8)
    plan.state.step.assign(2)
    assert float(objective.share_now()) == 0.125


def test_the_linear_stage_begins_with_the_classifier_of_a_new_run(context):
    """Table 7, cross-entropy in two stages: what its first stage taught the classifier is thrown away."""
    run = context(**{"contrastive.epochs": 0, "contrastive.warmup_epochs": 0.0, "cross_entropy.epochs": 2,
                     "cross_entropy.batch_size": 20})  # fmt: skip
    new = tiny_networks(classes=10).classifier.get_weights()
    assert list(run.experiment.stages) == ["cross_entropy", "linear"]
    recipe.prepare(run, "cross_entropy")
    trained = [weight + 1 for weight in new]
    run.networks.classifier.set_weights(trained)
    recipe.prepare(run, "cross_entropy")  # control: its own stage keeps it
    for weight, expected in zip(run.networks.classifier.get_weights(), trained):
        np.testing.assert_array_equal(weight, expected)
    recipe.prepare(run, "linear")
    for weight, expected in zip(run.networks.classifier.get_weights(), new):
        np.testing.assert_array_equal(weight, expected)


def test_a_plateau_is_watched_where_collapsed_embeddings_have_one(context):
    watch = recipe.prepare(context(**{"queue.size": 24}), "contrastive").watch
    assert watch.plateau.value == pytest.approx(0.1 * np.log(2 * 20 + 24 - 1))
    for change in ({"loss.denominator_mode": "only_negatives"}, {"data.views": 1}, {"loss.positives_cap": 2}):
        assert recipe.prepare(context(**change), "contrastive").watch is None


def test_the_start_of_every_stage_that_compares_is_watched(context):
    for change in ({}, {"data.views": 1}, {"loss.denominator_mode": "only_negatives"}):
        assert recipe.prepare(context(**change), "contrastive").start is not None
    assert recipe.prepare(context(), "linear").start is None
    named = recipe.prepare(context(**{"projection.last_batch_norm": True}), "contrastive").start
    near = {"negative_similarity_p50": 0.95, "effective_rank": 1.2}
    assert "the head ends in batch norm already" in named.read(near)


def test_the_queue_is_of_the_stage_that_compares(context):
    run = context(**{"queue.size": 24})
    assert recipe.prepare(run, "contrastive").plan.state.queue is not None
    assert recipe.prepare(run, "linear").plan.state.queue is None


def test_micro_batches_and_pace_are_as_asked(context):
    run = context(**{"train.microbatches": 2, "train.steps_per_call": 3, "train.checkpoint_every": 7})
    assert recipe.prepare(run, "contrastive").plan.update._microbatches == 2
    assert recipe.prepare(run, "linear").plan.update._microbatches == 1
    assert recipe.pace_of(run.experiment, 1) == (3, 7, False)
    compiled = settings.override(run.experiment, {"train.jit_compile": True})
    assert [recipe.pace_of(compiled, replicas).jit_compile for replicas in (1, 2)] == [True, False]
    assert [recipe.compiles_parts(compiled, replicas) for replicas in (1, 2)] == [False, True]


def test_images_kept_by_a_cap_are_those_of_its_views():
    assert recipe.kept_images(EXPERIMENT) is None
    assert recipe.kept_images(settings.override(EXPERIMENT, {"loss.positives_cap": 6})) == 3


@pytest.mark.parametrize("follower", [False, True])
def test_averages_of_batch_norm_keep_what_the_stage_says(context, follower):
    run = context(**{"contrastive.batch_norm_momentum": 0.5})
    networks = run.networks.follower if follower else run.networks
    norms = [layer for layer in networks.encoder.layers if "normalization" in layer.name]
    recipe.prepare(run, "contrastive")
    assert len(norms) == 2 and {layer.momentum for layer in norms} == {0.5}
    recipe.prepare(run, "linear")
    assert {layer.momentum for layer in norms} == {0.9}
