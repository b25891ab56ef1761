"""What a run has before it trains: devices, data and networks, made from what its experiment says."""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Callable

import numpy as np

from supcon_tf import failures
from supcon_tf.config import Experiment, check_batches
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import selected
from supcon_tf.data.sets.source import Facts, Source
from supcon_tf.distribution.strategy import describe, make_strategy
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import Networks
from supcon_tf.networks.pixels import pixel_scaling
from supcon_tf.paths import expanded
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.environment import environment, software
from supcon_tf.records.files import read_object
from supcon_tf.run import preflight, processor, recipe
from supcon_tf.run.context import RunContext
from supcon_tf.run.hosts import agree
from supcon_tf.run.restored import check_encoder_file, encoder_file
from supcon_tf.settings import to_json
from supcon_tf.training.warm_start import load_encoder


def prepared(
    experiment: Experiment, directory: RunDirectory, written: RunDirectory, data_dir: str, make_networks: Callable
) -> RunContext:
    """Devices, data and networks of a run; whatever is wrong with it shows here, before it trains.

    Args:
        experiment: to run.
        directory: of the run.
        written: where this host writes: the same for the chief.
        data_dir: where TFDS data sets are prepared.
        make_networks: as in `experiment.run_experiment`.

    Raises:
        ValueError, MemoryError, OSError, ConnectionError: as `run_experiment`.
    """
    strategy = make_strategy(  # First: it may have to make devices.
        experiment.strategy, replicas=experiment.replicas, tpu=experiment.tpu, wait_seconds=experiment.wait_seconds
    )
    replicas = strategy.num_replicas_in_sync
    agree(strategy, "experiments or software", {**json.loads(to_json(experiment)), **software(environment())})
    check_batches(experiment, replicas)
    source = load_source(data_dir=data_dir, **experiment.data.source)
    source = selected(source, seed=experiment.seed, **experiment.data.selection)
    agree(strategy, "data", {experiment.data.name: source.fingerprint()})
    source = _scaled_for_encoder(source, experiment)
    facts, size = source.facts, _image_size(experiment, source.facts)
    if directory.has_started:
        check_encoder_file(directory, experiment.encoder)
    if written is directory:
        directory.keep_same_data(experiment.data.name, source.fingerprint(), **_expected(experiment, facts, size))
    source.count("test")  # Refuses a set with nothing to evaluate on.
    doubts = preflight.check(experiment, source, size=size, replicas=replicas) + processor.doubts(experiment.precision)
    for stage in experiment.stages.values():
        recipe.duration_of(stage, facts.train_examples)
    with failures.explained("making the networks", smaller="A smaller encoder.width or queue.size helps."):
        networks = _networks(experiment, strategy, (size, size, facts.image_shape[-1]), facts.classes, make_networks)
    print(
        f"{experiment.name}: {facts.train_examples:,} training and {facts.test_examples:,} test images of "
        f"{facts.name}, {networks.encoder.count_params():,} encoder weights; "
        f"{describe(experiment.strategy, strategy, next(iter(experiment.stages.values())).batch_size)}",
        flush=True,
    )
    if experiment.encoder_from:
        trained = load_encoder(networks, pathlib.Path(expanded(experiment.encoder_from)))
        print(f"the encoder is that of {trained}", flush=True)
    for doubt in doubts:
        print(f"{experiment.name}: WARNING: {doubt}", flush=True)
    return RunContext(experiment, directory, written, strategy, source, size, networks)


def _scaled_for_encoder(source: Source, experiment: Experiment) -> Source:
    """Images as the encoder wants them by its own rule, or as that of another run was trained to see them."""
    encoder, facts = experiment.encoder, source.facts
    own = pixel_scaling(encoder.name, encoder.pixels, channels=facts.image_shape[-1])
    source = source.whitened_by(*own) if own else source
    if not experiment.encoder_from:
        return source
    before = _whitened_as_before(source, RunDirectory(expanded(experiment.encoder_from)))
    scaling = before.facts.mean, before.facts.std
    if own and not np.allclose(own, scaling):
        raise ValueError(
            f"encoder.pixels={encoder.pixels} brings images to mean {list(own[0])} and deviation {list(own[1])}; the "
            f"encoder in {experiment.encoder_from} was trained with {list(scaling[0])} and {list(scaling[1])}. Give "
            "encoder.pixels the value that it has in that run's config.json."
        )
    return before


def _whitened_as_before(source: Source, trained: RunDirectory) -> Source:
    """Images as the encoder of another run was trained to see them, where that run says how and its channels fit."""
    image = read_object(trained.data).get("image") if trained.data.exists() else None
    if not image or image["shape"][-1] != source.facts.image_shape[-1]:
        return source
    return source.whitened_by(image["mean"], image["std"])


def _image_size(experiment: Experiment, facts: Facts) -> int:
    """S, the side of the images that the encoder sees."""
    size = experiment.data.image_size or facts.image_shape[0]
    if size is None:
        raise ValueError(f"images of {facts.name} differ in size: set `data.image_size`, for instance to 224.")
    return size


def _expected(experiment: Experiment, facts: Facts, size: int) -> dict:
    """How the networks want an image, and what the classifier's answers mean: for who uses them elsewhere."""
    data = experiment.data
    image = {
        "shape": [size, size, facts.image_shape[-1]],
        "crop": data.evaluation_crop,
        "padding": data.evaluation_padding,
        "pixels": "float32, (value / 255 - mean) / std, channel by channel",
        "mean": list(facts.mean),
        "std": list(facts.std),
    }
    names = {"class_names": list(facts.class_names), "label_sets": facts.label_sets}
    return {"image": image, **names, **encoder_file(experiment.encoder)}


def _networks(experiment: Experiment, strategy, image_shape: tuple, classes: int, make_networks) -> Networks:
    """Networks in their first state, whatever ran before in the process."""
    replicas, across = strategy.num_replicas_in_sync, experiment.cross_replica_batch_norm
    compiled = recipe.compiles_parts(experiment, replicas)
    build = functools.partial(
        make_networks,
        experiment.encoder,
        experiment.projection,
        image_shape=image_shape,
        classes=classes,
        # On one device the statistics are the batch's own either way, and the plain layer has the fused kernel.
        cross_replica_batch_norm=across and replicas > 1,
        zero_initialize_classifier=experiment.zero_initialize_classifier,
        jit_compile=compiled and not across,
    )
    with strategy.scope():
        networks = build()
        if experiment.queue.size and any(STAGE_KINDS[name].compares for name in experiment.stages):
            networks.follower = build()
    if compiled and across:
        print(_compiled_between_meetings(experiment), flush=True)
    return networks


def _compiled_between_meetings(experiment: Experiment) -> str:
    """What is left to XLA on several replicas whose batch norm meets: the passes of the paper's loss, or nothing."""
    compares = any(STAGE_KINDS[name].compares for name in experiment.stages)
    what = "the loss alone" if compares and experiment.loss.name == "supcon" else "nothing"
    return (
        f"train.jit_compile: XLA compiles {what}, since replicas meet in every batch norm of the networks; "
        "cross_replica_batch_norm=false has the networks compiled too."
    )
