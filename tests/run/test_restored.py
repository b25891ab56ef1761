"""The networks of a run from its directory alone: their answers are those that the run recorded."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import settings
from supcon_tf.config import Data
from supcon_tf.names import STAGE_KINDS
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import restored as restored_module
from supcon_tf.run.restored import experiment_of, restored, source_of
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.state import StageState
from tests.data import image_folder
from tests.run.conftest import TRAINED
from tests.tiny import tiny_networks


def of(directory):
    return restored(RunDirectory(directory), tf.distribute.get_strategy())


def test_the_networks_answer_as_the_run_recorded(trained_run):
    trained = of(trained_run)
    assert trained.experiment == TRAINED and trained.checkpoint.parent.name == "linear" and trained.classified
    assert trained.size == 8 and trained.class_names == tuple("0123456789")
    source = source_of(trained, TRAINED.data, str(trained_run / "data"))
    images = np.stack([image for image, _ in map(source.fetch("test"), range(40))]) / 255
    image = trained.image
    images = tf.constant((images - image["mean"]) / image["std"], tf.float32)
    recorded = np.load(trained_run / "evaluation.npz")
    np.testing.assert_allclose(
        trained.networks.features(images, training=False), recorded["embeddings"][:40], atol=1e-5
    )
    answers = np.argmax(trained.networks.classify(images, training=False), 1)
    np.testing.assert_array_equal(answers, recorded["predictions"][:40])


def test_its_encoder_normalises_as_it_was_trained(trained_run, tmp_path, monkeypatch):
    """`Normalization` computes with copies of its weights, and a checkpoint has those alone."""
    then, directory = tiny_networks(normalized=True, classes=10), shutil.copytree(trained_run, tmp_path / "run")
    images = np.random.default_rng(0).uniform(3, 9, (4, 8, 8, 1)).astype(np.float32)
    then.encoder.layers[1].adapt(images)
    state = StageState.create(then, STAGE_KINDS["linear"].trains, tf.keras.optimizers.SGD())
    state.step.assign(10**6)
    StageCheckpoints(state, directory / "checkpoints" / "linear").save({})
    monkeypatch.setattr(restored_module, "build_networks", lambda *_, **__: tiny_networks(normalized=True, classes=10))
    trained = of(directory)
    assert trained.checkpoint.name == "step-1000000"
    np.testing.assert_allclose(trained.networks.encoder(images), then.encoder(images), atol=1e-6)


def test_a_run_cut_before_its_classifier_has_an_encoder_and_no_classifier(trained_run, tmp_path):
    directory = shutil.copytree(trained_run, tmp_path / "cut")
    whole = of(directory)
    shutil.rmtree(directory / "checkpoints" / "linear")
    (directory / "summary.json").unlink()
    trained = of(directory)
    assert trained.checkpoint.parent.name == "contrastive" and not trained.classified
    for one, other in zip(trained.networks.encoder.get_weights(), whole.networks.encoder.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_checkpoint_is_passed_over(trained_run, tmp_path, capsys):
    directory = shutil.copytree(trained_run, tmp_path / "run")
    (index,) = (directory / "checkpoints" / "linear").glob("*.index")
    index.write_bytes(b"")
    assert of(directory).checkpoint.parent.name == "contrastive" and "is damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda run: shutil.rmtree(run), "holds no run: it has no config.json"),
        (lambda run: shutil.rmtree(run / "checkpoints"), "nothing is trained there yet"),
        (lambda run: (run / "config.json").write_text("{"), "is missing or not readable as JSON"),
        (lambda run: (run / "config.json").write_text('{"data": 1}'), "config.json is no experiment of this version"),
        (lambda run: (run / "config.json").write_text('{"new": 1}'), "no field is called `new`; another version"),
        (lambda run: (run / "data.json").write_text('{"name": "digits"}'), "how the networks want images"),
        (lambda run: (run / "config.json").write_text(settings.to_json(
            settings.override(TRAINED, {"encoder.width": 0.125}))), "is not of this run's networks"),
    ],
)  # fmt: skip
def test_what_holds_no_networks_is_refused(broken, message, trained_run, tmp_path):
    directory = shutil.copytree(trained_run, tmp_path / "run")
    broken(directory)
    with pytest.raises(ValueError, match=message):
        of(directory)


def test_other_images_are_whitened_as_those_of_the_run(trained_run, tmp_path):
    trained = of(trained_run)
    image_folder.write_plain(tmp_path / "images", 3, size=(8, 8))
    with pytest.raises(ValueError, match="have 3 channels; the run's networks take 1"):
        source_of(trained, Data(name=f"folder:{tmp_path / 'images'}"), str(tmp_path))
    noted = json.loads((trained_run / "data.json").read_text())["image"]
    facts = source_of(trained, Data(name="digits", train_split="train[:50%]"), str(trained_run / "data")).facts
    assert facts.train_examples == 629 and list(facts.mean) == noted["mean"] and list(facts.std) == noted["std"]


def test_the_run_says_whether_images_have_several_labels(trained_run, tmp_path):
    noted = json.loads((trained_run / "data.json").read_text())
    assert noted["label_sets"] is False and of(trained_run).label_sets is False
    directory = shutil.copytree(trained_run, tmp_path / "run")
    (directory / "data.json").write_text(json.dumps({**noted, "label_sets": True}))
    assert of(directory).label_sets is True


def test_the_experiment_is_read_as_it_was_written(trained_run):
    assert experiment_of(RunDirectory(trained_run)) == TRAINED
