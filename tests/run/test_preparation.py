"""What a run has before it trains, and what it says of itself by then."""

from __future__ import annotations

import json

import numpy as np
import pytest

from supcon_tf import settings
from supcon_tf.config import Data, Encoder, Experiment, Projection, Stage
from supcon_tf.data.sets.load import load_source
from supcon_tf.networks.networks import build_networks
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import preparation
from supcon_tf.run.preparation import prepared
from tests.data import image_folder

SMALL = Experiment(
    name="tests.prepared",
    data=Data(name="digits", examples=40),
    encoder=Encoder(name="resnet18", width=0.0625),
    projection=Projection(widths=(8,)),
    contrastive=Stage(epochs=1, batch_size=20),
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("data"))


def prepare(tmp_path, data_dir, make_networks=build_networks, **changes):
    directory = RunDirectory(tmp_path / "run")
    directory.open(SMALL)
    return prepared(settings.override(SMALL, changes), directory, directory, data_dir, make_networks)


def test_it_has_data_networks_and_a_note_of_both(tmp_path, data_dir, capsys):
    run = prepare(tmp_path, data_dir, **{"data.fraction": 0.5, "data.examples": 30, "loss.temperature": 2.0})
    assert run.source.count("train") == 30 and run.source.count("test") == 539 and run.size == 8
    assert run.networks.encoder.input_shape == (None, 8, 8, 1) and run.networks.follower is None
    told = capsys.readouterr().out
    assert "30 training and 539 test images of digits" in told and "WARNING: at loss.temperature=2 " in told
    image = json.loads((tmp_path / "run" / "data.json").read_text())["image"]
    assert image["shape"] == [8, 8, 1] and image["crop"] == "crop_then_resize"
    np.testing.assert_allclose((image["mean"], image["std"]), [run.source.facts.mean, run.source.facts.std])


def test_with_a_queue_there_is_a_follower(tmp_path, data_dir):
    run = prepare(tmp_path, data_dir, **{"queue.size": 40})
    assert run.networks.follower.encoder is not run.networks.encoder


@pytest.mark.parametrize(
    "changes, what",
    [
        ({}, "the loss alone"),
        ({"loss.name": "triplet_hard"}, "nothing"),
        ({"contrastive.epochs": 0, "cross_entropy.epochs": 1}, "nothing"),
    ],
)
def test_what_xla_compiles_between_meetings_is_what_is_said(changes, what):
    told = preparation._compiled_between_meetings(settings.override(SMALL, changes))
    assert told.startswith(f"train.jit_compile: XLA compiles {what}, since replicas meet")


def test_networks_of_ones_own_are_taken(tmp_path, data_dir):
    asked = []

    def make(encoder, projection, **how):
        asked.append((encoder.width, projection.widths, how["image_shape"], how["classes"]))
        return build_networks(encoder, projection, **how)

    prepare(tmp_path, data_dir, make)
    assert asked == [(0.0625, (8,), (8, 8, 1), 10)]


def test_images_that_differ_in_size_need_one(tmp_path):
    for name in ("a", "b"):
        image_folder.write_every_kind(tmp_path / "set" / "train" / name)
        image_folder.write_plain(tmp_path / "set" / "test" / name, 2)
    changes = {"data.name": f"folder:{tmp_path / 'set'}", "data.examples": 0}
    with pytest.raises(ValueError, match=r"differ in size: set `data.image_size`, for instance to 224"):
        prepare(tmp_path, str(tmp_path / "data"), **changes)
    assert prepare(tmp_path, str(tmp_path / "data"), **changes, **{"data.image_size": 16}).size == 16


def test_too_little_memory_for_the_networks_is_told(tmp_path, data_dir):
    def make(*_, **__):
        import tensorflow as tf

        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9]")

    with pytest.raises(MemoryError, match=r"out of memory in making the networks .* A smaller encoder.width"):
        prepare(tmp_path, data_dir, make)


def test_the_encoder_of_another_run_sees_images_as_it_was_trained_to(tmp_path, data_dir):
    run = RunDirectory(tmp_path / "other")
    run.path.mkdir()
    source = load_source("digits", data_dir)
    assert preparation._whitened_as_before(source, run) is source  # an older version wrote the run
    image = {"shape": [8, 8, 1], "mean": [0.25], "std": [0.5]}
    run.data.write_text(json.dumps({"image": image}))
    facts = preparation._whitened_as_before(source, run).facts
    assert (facts.mean, facts.std) == ((0.25,), (0.5,)) != (source.facts.mean, source.facts.std)
    run.data.write_text(json.dumps({"image": {**image, "shape": [8, 8, 3]}}))
    assert preparation._whitened_as_before(source, run) is source  # which the encoder refuses, with its own words


def test_images_are_brought_to_what_the_encoder_wants(tmp_path, data_dir):
    """Its own rule; with another run's encoder that run's, which may not differ from it."""
    source = load_source("digits", data_dir)
    asked = settings.override(SMALL, {"encoder.pixels": "-1..1"})
    facts = preparation._scaled_for_encoder(source, asked).facts
    assert (facts.mean, facts.std) == ((0.5,), (0.5,)) and preparation._scaled_for_encoder(source, SMALL) is source
    run = RunDirectory(tmp_path / "other")
    run.path.mkdir()
    run.data.write_text(json.dumps({"image": {"shape": [8, 8, 1], "mean": [0.25], "std": [0.5]}}))
    follows = settings.override(asked, {"encoder_from": str(run.path)})
    with pytest.raises(ValueError, match=r"encoder.pixels=-1\.\.1 brings images to mean \[0\.5\].*\[0\.25\]"):
        preparation._scaled_for_encoder(source, follows)
    as_it_was = settings.override(follows, {"encoder.pixels": "auto"})
    assert preparation._scaled_for_encoder(source, as_it_was).facts.mean == (0.25,)
    with pytest.raises(ValueError, match="takes images of red, green and blue"):
        preparation._scaled_for_encoder(source, settings.override(asked, {"encoder.pixels": "caffe"}))
