"""What is no model, one of another Keras, or one with classes of its own: a line says so, and what to do."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from importlib import metadata

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.config import Model
from supcon_tf.keras_generations import KERAS_3
from supcon_tf.run.model_loading import load
from tests.models_of_others import digits_model

IMAGES = np.random.default_rng(0).uniform(0, 1, (5, 8, 8, 1)).astype(np.float32)


def load_from(path, **how):
    return load(path, "saved_model" if path.is_dir() else "keras", Model(output="features", **how))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    digits_model().save(place / "model.keras")
    return place


def test_what_cannot_be_loaded_says_why_in_a_line(place, tmp_path):
    whole = (place / "model.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("text")
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "saved_model.pb").write_bytes(b"text")
    for name, message in (("cut.keras", r"is no whole .keras file"), ("text.h5", "cannot be loaded: .*open file"),
                          ("program", "cannot be loaded: ")):  # fmt: skip
        with pytest.raises(ValueError, match=message) as raised:
            load_from(tmp_path / name)
        assert len(str(raised.value).splitlines()) == 1


def test_a_file_of_the_other_keras_says_so(place, tmp_path):
    other = "2.15.0" if KERAS_3 else "3.5.0"
    with zipfile.ZipFile(place / "model.keras") as source, zipfile.ZipFile(tmp_path / "o.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": other}))
        archive.writestr("config.json", source.read("config.json").replace(b'"Sequential"', b'"Sequentiel"'))
    with pytest.raises(ValueError, match=rf"Keras {other} wrote it, and this is Keras {metadata.version('keras')}"):
        load_from(tmp_path / "o.keras")


OWN = """
import tensorflow as tf

@tf.keras.utils.register_keras_serializable("tests")
class Twice(tf.keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_own_layers_are_registered_by_a_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "layers_of_mine.py"
    module.write_text(OWN)
    import layers_of_mine

    one = tf.keras.Input((8, 8, 1))
    model = tf.keras.Model(one, tf.keras.layers.Flatten()(layers_of_mine.Twice()(one)))
    for name in ("own.keras", "own.h5"):
        model.save(tmp_path / name)
    tf.keras.utils.get_custom_objects().pop("tests>Twice")
    del sys.modules["layers_of_mine"]
    module.rename(tmp_path / "away.py")
    for name, message in (("own.keras", r"its own classes tests>Twice with Keras. .*: --model.code=MODULE"),
                          ("own.h5", r"Unknown layer: .*Twice.* --model.code=MODULE")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            load_from(tmp_path / name)
    (tmp_path / "away.py").rename(module)
    importlib.invalidate_caches()
    for name in ("own.keras", "own.h5"):
        features, _ = load_from(tmp_path / name, code="layers_of_mine").call(tf.constant(IMAGES))
        np.testing.assert_allclose(features, 2 * IMAGES.reshape(5, -1))
