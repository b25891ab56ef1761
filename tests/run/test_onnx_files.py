"""ONNX files answer as the networks; where there can be none, one line says so."""

from __future__ import annotations

import dataclasses
import errno
import importlib.util
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import settings
from supcon_tf.networks.networks import build_networks
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import onnx_files, serving
from supcon_tf.run.context import own_state
from supcon_tf.run.restored import restored
from tests.run.conftest import TRAINED

MODELS = {"encoder": (serving.encoder_model, "features"), "classifier": (serving.classifier_model, "logits")}


@pytest.fixture(scope="module")
def trained(trained_run):
    return restored(RunDirectory(trained_run), tf.distribute.get_strategy())


def in_16_bits(trained):
    experiment = settings.override(TRAINED, {"precision": "mixed_bfloat16"})
    with own_state(experiment):
        networks = build_networks(experiment.encoder, experiment.projection, image_shape=(8, 8, 1), classes=10)
    return dataclasses.replace(trained, experiment=experiment, networks=networks)


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tf2onnx", "onnxruntime"))), reason="the extra [onnx] is not installed"
)
@pytest.mark.parametrize("bits", [32, 16])
def test_onnx_files_answer_as_the_networks(bits, trained, tmp_path):
    import onnxruntime

    networks = trained if bits == 32 else in_16_bits(trained)
    files = onnx_files.write_onnx(networks, MODELS, tmp_path)
    assert set(files) == {path.name for path in tmp_path.iterdir()} == {"encoder.onnx", "classifier.onnx"}
    images = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    for name, (make, gives) in MODELS.items():
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx")
        (found,) = session.run([gives], {"images": images})
        np.testing.assert_allclose(found, make(onnx_files.in_float32(networks))(images), atol=1e-4)


def test_without_the_converter_one_line_says_what_to_install(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    assert onnx_files.write_onnx(trained, MODELS, tmp_path) == {} and list(tmp_path.iterdir()) == []
    told = capsys.readouterr().out
    assert told.startswith("no ONNX file is written: ") and told.endswith("Install it by pip install '.[onnx]'.\n")


def converter(error):
    """A tf2onnx that fails."""

    def fail(*args, **kwargs):
        raise error

    return types.SimpleNamespace(convert=types.SimpleNamespace(from_function=fail))


def test_a_converter_that_fails_is_told_in_a_line(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tf2onnx", converter(RuntimeError("no such type\nand so on")))
    assert onnx_files.write_onnx(trained, MODELS, tmp_path) == {} and list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ("no ONNX file is written: tf2onnx cannot convert the networks (no such type).\n")
    monkeypatch.setitem(sys.modules, "tf2onnx", converter(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        onnx_files.write_onnx(trained, MODELS, tmp_path)


def test_the_same_weights_in_float32(trained):
    half = in_16_bits(trained)
    whole = onnx_files.in_float32(half)
    assert onnx_files.in_float32(trained) is trained and whole.networks.encoder.output.dtype == "float32"
    images = tf.random.normal([2, 8, 8, 1])
    of_both = [run.networks.features(images, training=False) for run in (whole, half)]
    np.testing.assert_allclose(*of_both, atol=0.05)
