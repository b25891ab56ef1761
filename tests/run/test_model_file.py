"""A model file as something that predicts: rows of features, answers in the order of the data, or a clear refusal."""

from __future__ import annotations

import dataclasses
import pathlib
import types

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.config import Model
from supcon_tf.data.sets.source import Facts
from supcon_tf.run import serving
from supcon_tf.run.model_file import ModelFile, _of_export, open_model
from tests.models_of_others import digits_model, parts

IMAGES = np.random.default_rng(0).uniform(0, 1, (5, 8, 8, 1)).astype(np.float32)
HOW = {"output": "probabilities", "range": "0..1"}
NAMES = tuple("0123456789")


def facts(names=NAMES, **changes):
    there = {"name": "digits", "classes": len(names), "class_names": names, "image_shape": (8, 8, 1), "mean": (0.5,)}
    more = {"std": (0.5,), "train_examples": 9, "test_examples": 9, "test_split": "test"}
    return dataclasses.replace(Facts(**there, **more), **changes)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    digits_model().save(place / "model.keras")
    digits_model("sigmoid", classes=1).save(place / "two.keras")
    return place


def opened(path, **how) -> ModelFile:
    return open_model(path, Model(**{**HOW, **how}))


def answered(model: ModelFile, data: Facts) -> dict:
    """What it gives of `IMAGES`, as the predictor keeps it."""
    ready = model.for_data(data)
    features, answers = ready.forward_on(tf.distribute.get_strategy())(tf.constant(IMAGES))
    return ready.read({"embeddings": features.numpy(), "logits": answers.numpy()})


def test_it_gives_features_and_logits_of_its_probabilities(place):
    model, expected = opened(place / "model.keras"), parts(digits_model(), IMAGES)
    found = answered(model, facts())
    np.testing.assert_allclose(found["embeddings"], expected["features"], atol=1e-6)
    np.testing.assert_allclose(scipy.special.softmax(found["logits"], 1), expected["answers"], atol=1e-6)
    assert model.size == 8 and model.classified and not model.why_no_features
    lines = "\n".join(model.for_data(facts()).described())
    assert "images: 8 x 8 x 1, crop_then_resize, pixels 0..1" in lines and "'classes', is given, 6 numbers" in lines
    assert "answers: what the model gives, probabilities, 10 numbers" in lines
    assert "classes: taken in the order of the data, 0, 1, 2, 3, 4, ...;" in lines and "NOTE" not in lines


def test_a_map_is_pooled_when_asked_and_refused_else(place):
    found = answered(opened(place / "model.keras", features="base", pool="mean"), facts())
    np.testing.assert_allclose(found["embeddings"], parts(digits_model(), IMAGES)["features"], atol=1e-6)
    with pytest.raises(ValueError, match=r"features must be one row.*gives \[1, 6, 6, 6\]. Say --model.pool=mean"):
        opened(place / "model.keras", features="base")
    with pytest.raises(ValueError, match=r"answers must be one row .*the model gives \[1, 6, 6, 6\]\.$"):
        opened(place / "model.keras", answers="base", pool="mean")


def test_features_alone(place):
    model = opened(place / "model.keras", output="features", features="pooled").for_data(facts(tuple("ab")))
    assert not model.classified and model.widths == (6, 0) and "features alone are taken" in model.why_no_logits
    found = answered(opened(place / "model.keras", output="features", features="pooled"), facts(tuple("ab")))
    assert found["logits"].shape == (5, 0) and found["embeddings"].shape == (5, 6)
    answers = opened(place / "model.keras", answers="last")
    assert answered(answers, facts())["embeddings"].shape == (5, 0)
    assert answers.widths == (0, 10) and "--model.features names their layer" in answers.why_no_features


def test_answers_are_brought_to_the_order_of_the_data(place, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("\n".join(reversed(NAMES)) + "\n")
    turned = answered(opened(place / "model.keras", class_names=str(names)), facts())["logits"]
    np.testing.assert_array_equal(turned[:, ::-1], answered(opened(place / "model.keras"), facts())["logits"])
    model = opened(place / "model.keras", class_names=str(names)).for_data(facts())
    assert not any("classes:" in line for line in model.described()) and model.class_names == NAMES


@pytest.mark.parametrize(
    "lines, message",
    [
        ("0 1 2 3 4 5 6 7 8 nine", r"are not those of 'digits'. Only in the data:\n  9\nOnly in the file:\n  nine"),
        ("0 1 2", "the model gives 10 answers, and 3 classes are named"),
        ("0 1 2 3 4 5 6 7 8 8", r"must name each class once, a name a line; twice:\n  8"),
        ("", "must name each class once"),
    ],
)
def test_other_classes_are_refused_by_name(lines, message, place, tmp_path):
    (tmp_path / "names.txt").write_text(lines.replace(" ", "\n"))
    with pytest.raises(ValueError, match=message):
        opened(place / "model.keras", class_names=str(tmp_path / "names.txt")).for_data(facts())


def test_another_number_of_classes_is_refused(place):
    with pytest.raises(ValueError, match=r"gives 10 answers, and 'digits' has 3 classes. .*--model.output=features"):
        opened(place / "model.keras").for_data(facts(tuple("abc")))
    with pytest.raises(ValueError, match=r"no_names.txt cannot be read as text"):
        opened(place / "model.keras", class_names="no_names.txt")


def test_a_single_answer_is_that_of_the_second_class(place):
    found = answered(opened(place / "two.keras"), facts(("cat", "dog")))
    expected = parts(digits_model("sigmoid", classes=1), IMAGES)["answers"][:, 0]
    np.testing.assert_allclose(scipy.special.softmax(found["logits"], 1)[:, 1], expected, atol=1e-5)


def test_images_without_labels_and_sets_of_labels(place):
    assert opened(place / "model.keras").for_data(facts(("images",), labelled=False)).classified
    sets = opened(place / "two.keras").for_data(facts(("cat",), label_sets=True))
    logits = sets.read({"embeddings": np.zeros([1, 6]), "logits": np.array([[0.25]])})["logits"]
    np.testing.assert_allclose(logits, [[np.log(1 / 3)]], rtol=1e-5)


def test_what_tells_it_from_another(place):
    one, other = opened(place / "model.keras"), opened(place / "model.keras", range="0..255")
    assert one.identity() == opened(place / "model.keras").identity()
    assert other.image != one.image and other.identity()["weights"] == one.identity()["weights"]
    assert opened(place / "two.keras").identity()["weights"] != one.identity()["weights"]


@pytest.mark.parametrize(
    "how, message",
    [
        ({"output": None}, "say what the model gives: --model.output="),
        ({"range": None}, "say what pixels become before the model"),
        ({"size": 32}, "takes images of 8 x 8 pixels, and not --model.size=32"),
    ],
)
def test_too_little_is_refused(how, message, place):
    with pytest.raises(ValueError, match=message):
        opened(place / "model.keras", **how)


def test_a_model_of_any_size_that_fails_at_this_one(tmp_path):
    one = tf.keras.Input((None, None, 1))
    rows = tf.keras.layers.GlobalAveragePooling2D()(tf.keras.layers.Conv2D(2, 9)(one))
    tf.keras.Model(one, rows).save(tmp_path / "large.keras")
    assert opened(tmp_path / "large.keras", output="features", size=9).widths == (2, 0)
    with pytest.raises(ValueError, match=r"the model does not take images \[4, 4, 1\]: "):
        opened(tmp_path / "large.keras", output="features", size=4)
    with pytest.raises(ValueError, match=r"any size: say which with --model.size"):
        opened(tmp_path / "large.keras", output="features")


def test_a_model_that_scales_pixels_itself_is_named(tmp_path):
    one = tf.keras.Input((8, 8, 1))
    rows = tf.keras.layers.Flatten()(tf.keras.layers.Rescaling(1 / 255, name="scaled")(one))
    tf.keras.Model(one, rows).save(tmp_path / "scales.keras")
    assert "(layer 'scaled')" in opened(tmp_path / "scales.keras", output="features").described()[-1]
    assert "NOTE" not in str(opened(tmp_path / "scales.keras", output="features", range="0..255").described())


@pytest.mark.parametrize("crop", ["resize_then_crop", "crop_then_resize", "crop_then_distort"])
def test_a_program_that_cuts_a_padding_itself_is_handed_it(crop):
    """What its encoder sees is what the run's saw, but for the 256 levels of what it is handed."""
    image = {"shape": [8, 8, 3], "crop": crop, "padding": 4, "mean": [0.5] * 3, "std": [1.0] * 3}
    prepared = serving._prepared(types.SimpleNamespace(image=image, size=8))
    coarse = np.random.default_rng(0).uniform(0, 1, (3, 4, 3))
    pixels = tf.cast(tf.round(255 * tf.image.resize(coarse, [48, 72])), tf.uint8)
    how, names = _of_export(pathlib.Path("encoder"), "saved_model", Model(), {"image": image})
    assert (how.size, how.padding, how.output, how.features, names) == (12, 0, "features", "features", ())

    def off(padding):
        handed = evaluation_crop(how.crop, size=how.size, padding=padding)(pixels)
        again = prepared(tf.cast(tf.round(255 * handed), tf.uint8))
        return float(tf.reduce_max(tf.abs(again - prepared(pixels))))

    assert off(how.padding) < 0.02 and off(4) > 0.1  # control: cut twice
