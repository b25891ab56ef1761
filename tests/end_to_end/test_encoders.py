"""Whole runs whose encoder is made by others: trained, restored, evaluated; frozen parts, weights, files."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from supcon_tf.config import Data
from supcon_tf.keras_generations import inner_layers
from supcon_tf.networks.pixels import application
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run.restored import restored, source_of

ROOT = pathlib.Path(__file__).parents[2]
FROZEN = "Conv1,bn_Conv1,block_1_"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 6)):
        for label, levels in {"dark": (0, 90), "light": (165, 255)}.items():
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                PIL.Image.fromarray(random.integers(*levels, (32, 32, 3), np.uint8)).save(folder / f"{number}.png")
    return root


def launch(program, *flags):
    command = [sys.executable, "-m", f"launch.{program}", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def train(photos, workdir, *flags):
    return launch("train", "--experiment=digits.supcon", f"--workdir={workdir}", f"--data.name=folder:{photos}",
                  "--data.image_size=32", "--encoder.width=1", "--contrastive.epochs=2", "--contrastive.batch_size=12",
                  "--contrastive.warmup_epochs=0", "--linear.epochs=1", "--linear.batch_size=12", "--knn.every=0",
                  *flags)  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """As keras.io publishes them: of the network without its classifier."""
    tf.keras.utils.set_random_seed(5)
    network = application("keras:MobileNetV2")(include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3))
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    network.save_weights(path)
    return path, network


@pytest.fixture(scope="module")
def finished(photos, weights, tmp_path_factory):
    """A run with frozen layers that begins with the weights."""
    run = tmp_path_factory.mktemp("runs") / "run"
    ended = train(photos, run, "--encoder.name=keras:MobileNetV2", f"--encoder.frozen={FROZEN}",
                  f"--encoder.weights={weights[0]}")  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    return run


@pytest.mark.slow
def test_a_run_with_a_network_of_keras_is_restored_as_it_was_trained(finished, photos, weights):
    trained = restored(RunDirectory(finished), tf.distribute.get_strategy())
    assert trained.image["mean"] == trained.image["std"] == [0.5] * 3  # the rule of MobileNetV2
    after = {layer.name: layer.get_weights() for layer in inner_layers(trained.networks.encoder)}
    before = {layer.name: layer.get_weights() for layer in inner_layers(weights[1]) if layer is not weights[1]}
    same = {name for name, values in before.items() if values and all(map(np.array_equal, values, after[name]))}
    assert same == {name for name, values in before.items() if values and name.startswith(tuple(FROZEN.split(",")))}

    source = source_of(trained, Data(name=f"folder:{photos}"), "")
    image, _ = source.fetch("test")(tf.constant(0, tf.int64))
    rule = sys.modules[application("keras:MobileNetV2").__module__].preprocess_input
    network = next(layer for layer in trained.networks.encoder.layers if hasattr(layer, "layers"))
    by_hand = network(rule(np.array(image[None], "f4"))).numpy()
    by_hand /= np.linalg.norm(by_hand)

    program = launch("export", f"--run={finished}", f"--to={finished.parent / 'exported'}")
    assert program.returncode == 0, program.stderr[-2000:]
    served = tf.saved_model.load(str(finished.parent / "exported" / "encoder")).signatures["serving_default"]
    np.testing.assert_allclose(served(images=image[None])["features"], by_hand, atol=1e-4)


@pytest.mark.slow
def test_it_is_evaluated_without_the_file_of_weights(finished, weights):
    aside = weights[0].with_suffix(".aside")
    weights[0].rename(aside)
    try:
        ended = launch("evaluate", f"--run={finished}", "--measures=accuracy")
    finally:
        aside.rename(weights[0])
    assert ended.returncode == 0, ended.stderr[-2000:]
    accuracy = json.loads((finished / "summary.json").read_text())["test_accuracy"]
    assert f"top1 {100 * accuracy:30.2f} %".split()[1] in ended.stdout


@pytest.mark.slow
def test_a_file_is_an_encoder_as_long_as_it_is_the_same(photos, tmp_path):
    layers = [tf.keras.Input([32, 32, 3]), tf.keras.layers.Conv2D(6, 5, strides=4, name="conv")]
    layers += [tf.keras.layers.BatchNormalization(), tf.keras.layers.ReLU()]
    file, run = tmp_path / "mine.keras", tmp_path / "run"
    tf.keras.Sequential(layers).save(file)
    flags = (f"--encoder.name={file}", "--encoder.pixels=torch", "--contrastive.epochs=1")
    ended = train(photos, run, *flags)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert launch("evaluate", f"--run={run}", "--measures=accuracy").returncode == 0
    layers[-1] = tf.keras.layers.LeakyReLU()
    tf.keras.Sequential(layers).save(file)
    for ended in (launch("evaluate", f"--run={run}", "--measures=accuracy"), launch("export", f"--run={run}",
                  f"--to={tmp_path / 'exported'}")):  # fmt: skip
        assert ended.returncode == 2 and "is not the file that the run in" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags, said",
    [
        (["--encoder.name=keras:MobileNetV22"], "Did you mean `MobileNetV2`?"),
        (["--encoder.name=keras:MobileNetV2", "--encoder.frozen=Conv2"], "Did you mean `Conv1`?"),
        (["--encoder.name=keras:MobileNetV2", "--encoder.width=0.5"], "set encoder.width=1"),
        (["--encoder.name=nowhere.keras", "--encoder.pixels=whitened"], "there is no file nowhere.keras"),
    ],
)
def test_what_is_wrong_is_said_before_training(photos, tmp_path, flags, said):
    ended = train(photos, tmp_path / "run", *flags)
    assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr
