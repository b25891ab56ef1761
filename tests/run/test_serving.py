"""Networks as others use them answer as they did in the run, from pixels and from files."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from supcon_tf import settings
from supcon_tf.networks.networks import build_networks
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import serving
from supcon_tf.run.context import own_state
from supcon_tf.run.restored import restored, source_of
from tests.run.conftest import TRAINED, in_colours


@pytest.fixture(scope="module")
def trained(trained_run):
    return restored(RunDirectory(trained_run), tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def program(trained, tmp_path_factory):
    """The classifier as it is loaded again."""
    path = str(tmp_path_factory.mktemp("served") / "program")
    serving.save_program(trained, path, classify=True)
    return tf.saved_model.load(path)


def served(trained, path, **how):
    serving.save_program(trained, str(path), classify=how.get("classify", True))
    return tf.saved_model.load(str(path)).signatures


def test_a_program_answers_as_the_run_recorded(program, trained, trained_run):
    source = source_of(trained, TRAINED.data, str(trained_run / "data"))
    images = np.stack([image for image, _ in map(source.fetch("test"), range(40))])
    found, recorded = program.signatures["serving_default"](images=images), np.load(trained_run / "evaluation.npz")
    np.testing.assert_allclose(found["features"], recorded["embeddings"][:40], atol=1e-5)
    np.testing.assert_array_equal(found["probabilities"].numpy().argmax(1), recorded["predictions"][:40])
    np.testing.assert_allclose(found["probabilities"].numpy().sum(1), 1, atol=1e-5)
    assert [int(name) for name in found["label_names"].numpy()] == recorded["predictions"][:40].tolist()


def test_images_of_any_size_are_cut_as_evaluation_cuts_them_and_files_are_images(program, trained):
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 1), np.uint8)
    middle = image[5:25]  # the central square, which is then resized
    cut = tf.image.resize(middle / np.float32(255), [8, 8])
    white = (cut - trained.image["mean"]) / trained.image["std"]
    expected = trained.networks.features(tf.cast(white, tf.float32)[None], training=False)
    of_pixels = program.signatures["serving_default"](images=image[None])
    np.testing.assert_allclose(of_pixels["features"], expected, atol=1e-5)
    files = [tf.io.encode_png(image).numpy(), tf.io.encode_png(image[:9, :9]).numpy()]
    of_files = program.signatures["jpeg"](encoded=tf.constant(files))
    np.testing.assert_allclose(of_files["features"][:1], expected, atol=1e-5)
    assert of_files["features"].shape == (2, 32) and of_files["label_names"].dtype == tf.string


def test_a_batch_of_no_image_has_no_answer(program):
    found = program.signatures["serving_default"](images=np.zeros([0, 9, 9, 1], np.uint8))
    assert {name: value.shape[0] for name, value in found.items()} == dict.fromkeys(found, 0)
    assert program.signatures["jpeg"](encoded=tf.constant([], tf.string))["features"].shape == (0, 32)


def test_what_is_no_image_is_an_error(program):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        program.signatures["jpeg"](encoded=tf.constant([b"text"]))


@pytest.mark.slow
def test_jpeg_in_colours_is_what_tensorflow_decodes(trained, tmp_path):
    networks = in_colours(trained)
    signatures = served(networks, tmp_path, classify=False)
    file = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(1).integers(0, 256, (2, 2, 3), np.uint8)).resize((16, 12)).save(
        file, "jpeg", quality=95
    )
    pixels = tf.io.decode_jpeg(file.getvalue(), channels=3)
    found = signatures["jpeg"](encoded=tf.constant([file.getvalue()]))
    assert set(found) == {"features"}
    np.testing.assert_allclose(found["features"], signatures["serving_default"](images=pixels[None])["features"])
    note = PIL.Image.Exif()
    note[0x0112] = 6  # a telephone held upright: the picture is stored on its left side
    on_its_side = io.BytesIO()
    PIL.Image.open(file).save(on_its_side, "jpeg", quality="keep", exif=note)
    found = signatures["jpeg"](encoded=tf.constant([on_its_side.getvalue()]))
    upright = tf.image.rot90(tf.io.decode_jpeg(on_its_side.getvalue(), channels=3), 3)[None]
    np.testing.assert_allclose(found["features"], signatures["serving_default"](images=upright)["features"], atol=1e-6)


@pytest.mark.slow
def test_an_encoder_without_unit_length_and_images_of_one_size_only(trained, tmp_path):
    networks = in_colours(trained, unit=False, crop="identity")
    signatures, image = served(networks, tmp_path, classify=False), tf.zeros([1, 8, 8, 3], tf.uint8)
    found = signatures["serving_default"](images=image)["features"]
    white = tf.broadcast_to(tf.constant([-2.5, -4 / 3, -0.75]), [1, 8, 8, 3])
    np.testing.assert_allclose(found, serving.encoder_model(networks)(white), atol=1e-5)
    assert abs(np.linalg.norm(found) - 1) > 1e-3
    with pytest.raises(tf.errors.InvalidArgumentError, match="compatible with expected shape"):
        signatures["jpeg"](encoded=tf.constant([tf.io.encode_png(np.zeros([9, 9, 3], np.uint8)).numpy()]))


@pytest.mark.slow
def test_with_label_sets_each_probability_is_of_its_class_alone(trained, tmp_path):
    sets = dataclasses.replace(trained, label_sets=True)
    found = served(sets, tmp_path)["serving_default"](images=np.zeros([1, 8, 8, 1], np.uint8))
    logits = trained.networks.classifier(found["features"])
    np.testing.assert_allclose(found["probabilities"], tf.sigmoid(logits), atol=1e-6)


def test_keras_models_answer_as_the_networks_and_are_loaded_again(trained, tmp_path):
    images = tf.random.normal([3, 8, 8, 1])
    for make, ask in ((serving.encoder_model, trained.networks.features),
                      (serving.classifier_model, trained.networks.classify)):  # fmt: skip
        model = make(trained)
        model.save(tmp_path / "model.keras")
        expected = ask(images, training=False)
        for answers in (model, tf.keras.models.load_model(tmp_path / "model.keras")):
            np.testing.assert_allclose(answers(images), expected, atol=1e-6)


@pytest.mark.slow
def test_answers_of_a_network_in_16_bits_are_float32(trained, tmp_path):
    experiment = settings.override(TRAINED, {"precision": "mixed_bfloat16", "encoder.normalize_features": False})
    with own_state(experiment):
        networks = build_networks(experiment.encoder, experiment.projection, image_shape=(8, 8, 1), classes=10)
        half = dataclasses.replace(trained, experiment=experiment, networks=networks)
        model = serving.encoder_model(half)
        model.save(tmp_path / "model.keras")
        signatures = served(half, tmp_path / "program")
    assert networks.encoder.output.dtype == "bfloat16" and model.output.dtype == "float32"
    images = tf.random.normal([3, 8, 8, 1])
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), model(images))
    found = signatures["serving_default"](images=np.zeros([1, 8, 8, 1], np.uint8))
    assert {value.dtype for value in found.values()} == {tf.float32, tf.string}
