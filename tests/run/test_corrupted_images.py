"""Robustness from stored images: the errors of the same networks by other code, in every layout, or nothing at all."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment.corruptions.corruption import corrupted
from supcon_tf.config import Data
from supcon_tf.data.sets.load import load_source
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import evaluating
from supcon_tf.run import predictions as predictions_module
from supcon_tf.run.corrupted_images import InMemory, Robustness, Stored, corrupted_images
from supcon_tf.run.evaluating import evaluate_run
from supcon_tf.run.predictions import Predictor
from supcon_tf.run.restored import restored
from tests.data import corrupted_images as stored
from tests.data import image_folder
from tests.run.conftest import in_colours

PART = "test[:60]"
MEASURED = ("gaussian_noise", "glass_blur", "elastic_transform")  # 75 passes would say no more, and take long


@pytest.fixture
def run(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluating, "CORRUPTIONS", MEASURED)
    return shutil.copytree(trained_run, tmp_path / "run")


@pytest.fixture(scope="module")
def digits(trained_run):
    """Some test digits, and all corruptions of them as `corrupted` makes them: uint8 [5 n, 8, 8, 1] by name."""
    source = load_source("digits", str(trained_run / "data"), test_split=PART)
    images, labels = source.arrays("test")
    made = {
        name: np.concatenate([corrupted(images, name, severity, scale="small") for severity in SEVERITIES])
        for name in CORRUPTIONS
    }
    return made, labels


def measure(run, stored="", **how):
    data = Data(name="digits", test_split=PART)
    (entry,) = evaluate_run(run, measures=["robustness"], data=data, robustness=Robustness(stored=stored, **how))
    return entry


def values(entry):
    return {number["name"]: number for number in entry["numbers"]}


def errors_by_other_code(run, images, labels):
    """Top-1 error of the run's networks at each severity, without a pipeline."""
    trained = restored(RunDirectory(run), tf.distribute.get_strategy())
    white = (images / np.float32(255) - np.float32(trained.image["mean"])) / np.float32(trained.image["std"])
    features = trained.networks.features(tf.constant(white), training=False)
    answers = trained.networks.classifier(features).numpy().argmax(1).reshape(len(SEVERITIES), -1)
    return [sum(int(a != b) for a, b in zip(row, labels)) / len(labels) for row in answers]


def test_they_are_read_as_they_are(run, digits, tmp_path):
    images, labels = digits
    stored.write_arrays(tmp_path / "c", images, labels)
    entry = measure(run, f"folder:{tmp_path / 'c'}")
    found = values(entry)
    for name in MEASURED:
        assert found[f"error_{name}"]["details"] == {
            "severity": list(SEVERITIES), "error": pytest.approx(errors_by_other_code(run, images[name], labels)),
        }  # fmt: skip
    in_memory = values(measure(run))
    for name, number in found.items():
        assert number["value"] == in_memory[name]["value"], name  # the same pixels, made or stored
        assert number["n"] == 60
        if name != "clean_error":
            assert f"stored images of folder:{tmp_path / 'c'}" in number["protocol"]
            assert "in memory" not in number["protocol"] and "frost" not in number["protocol"]
            assert "in memory" in in_memory[name]["protocol"] and "stored images of" not in in_memory[name]["protocol"]
    assert entry["made"]["corrupted"]["images"] == "stored" and entry["made"]["corrupted"]["images_each"] == 60


@pytest.mark.parametrize("change", ["labels", "order", "severities", "names"])
def test_wrong_labels_order_or_names_give_other_numbers(change, run, digits, tmp_path):
    images, labels = digits
    right = {name: errors_by_other_code(run, images[name], labels) for name in MEASURED}
    changed = dict(images)
    if change == "names":
        changed["glass_blur"], changed["gaussian_noise"] = images["gaussian_noise"], images["glass_blur"]
    elif change != "labels":
        turned = (slice(None), slice(None, None, -1)) if change == "order" else (slice(None, None, -1), slice(None))
        for name, whole in images.items():
            changed[name] = whole.reshape(5, 60, 8, 8, 1)[turned].reshape(whole.shape)
    stored.write_arrays(tmp_path / "c", changed, labels[::-1] if change == "labels" else labels)
    found = values(measure(run, f"folder:{tmp_path / 'c'}"))
    wrong = {name: found[f"error_{name}"]["details"]["error"] for name in MEASURED}
    assert wrong != right
    if change == "severities":
        assert wrong == {name: errors[::-1] for name, errors in right.items()}
    if change == "names":
        assert wrong["gaussian_noise"] == right["glass_blur"] and wrong["glass_blur"] == right["gaussian_noise"]


def test_only_robustness_depends_on_where_they_come_from(run, digits, tmp_path):
    stored.write_arrays(tmp_path / "c", *digits)
    told, data = [], Data(name="digits", test_split=PART)
    for where in ("", f"folder:{tmp_path / 'c'}", f"folder:{tmp_path / 'c'}"):
        how = {"robustness": Robustness(stored=where), "told": told.append}
        entries = evaluate_run(run, measures=["accuracy", "robustness"], data=data, **how)
    found = f"robustness: arrays of corrupted images in folder:{tmp_path / 'c'}, 60 images a severity"
    assert told == [
        "accuracy", "robustness", found, "accuracy: measured before", "robustness",
        found, "accuracy: measured before", "robustness: measured before",
    ]  # fmt: skip
    assert (
        "corrupted" not in entries[0]["made"] and len(json.loads((run / "measures.json").read_text())["measures"]) == 2
    )
    changed, labels = digits
    stored.write_arrays(
        tmp_path / "c", {**changed, "fog": 255 - changed["fog"]}, labels
    )  # one that is not measured here
    evaluate_run(run, measures=["robustness"], data=data, **how)
    assert told[-1] == "robustness"  # other images: measured anew


def test_of_corrupted_images_answers_alone_are_kept(run, digits, tmp_path):
    stored.write_arrays(tmp_path / "c", *digits)
    measure(run, f"folder:{tmp_path / 'c'}")
    measure(run)
    files = sorted((run / "predictions").glob("*-test-*.npz"))
    assert len(files) == 2 * len(MEASURED) * len(SEVERITIES)
    for path in files:
        kept = np.load(path)
        assert set(kept.files) == {"made", "logits", "labels"}
        assert json.loads(kept["made"].tobytes())["arrays"] == ["logits", "labels"]
    (clean,) = (run / "predictions").glob("*-test.npz")
    assert set(np.load(clean).files) == {"made", "embeddings", "logits", "labels"}


def test_kept_answers_are_not_made_again(run, digits, tmp_path, monkeypatch):
    stored.write_arrays(tmp_path / "c", *digits)
    first = measure(run, f"folder:{tmp_path / 'c'}")
    (run / "measures.json").unlink()
    monkeypatch.setattr(predictions_module, "embed_split", None)
    assert measure(run, f"folder:{tmp_path / 'c'}")["numbers"] == first["numbers"]


@pytest.mark.parametrize(
    "change, message",
    [
        ("missing", r"lacks corrupted images.*\n  frost: all severities"),
        ("classes", "numbers its 9 classes, as CIFAR does, and the classifier's 10 are called 0, 1, 2"),
        ("colours", "have 3 channels; the run's networks take 1"),
        ("cut", r"fog.npy must hold uint8 images \[300"),
    ],
)
def test_what_is_not_whole_is_refused_before_anything(change, message, run, digits, tmp_path):
    images, labels = dict(digits[0]), digits[1]
    if change == "missing":
        del images["frost"]
    elif change == "classes":
        labels = np.minimum(labels, 8)
    elif change == "colours":
        images = {name: np.repeat(found, 3, -1) for name, found in images.items()}
    else:
        images["fog"] = images["fog"][:-60]
    stored.write_arrays(tmp_path / "c", images, labels)
    with pytest.raises(ValueError, match=message):
        measure(run, f"folder:{tmp_path / 'c'}")
    assert not (run / "measures.json").exists() and not (run / "predictions").exists()


def test_stored_images_have_their_own_frost(tmp_path):
    with pytest.raises(ValueError, match="has its own frost"):
        corrupted_images(None, Robustness(frost_dir="x", stored="cifar10_corrupted"), "data", print)


LABELS = np.arange(20) % 10
DIGITS = list(map(str, range(10)))


@pytest.fixture(scope="module")
def colours(trained_run, tmp_path_factory):
    """Networks of RGB images that cut a margin away, on a folder of their own."""
    place = tmp_path_factory.mktemp("colours")
    run = shutil.copytree(trained_run, place / "run")
    for name in DIGITS:
        image_folder.write_plain(place / "own" / name, 5)
    strategy = tf.distribute.get_strategy()
    trained = in_colours(restored(RunDirectory(run), strategy), crop="crop_then_resize", padding=2)
    data = Data(name=f"folder:{place / 'own'}")
    return trained, Predictor(RunDirectory(run), trained, data, str(place / "data"), strategy)


@pytest.mark.parametrize("layout", ["arrays", "folders", "tfds"])
def test_every_layout_gives_the_answers_of_the_networks_to_whole_images(layout, colours, tmp_path):
    trained, predictor = colours
    random = np.random.default_rng(0)
    images = {name: random.integers(0, 256, [5 * len(LABELS), 8, 8, 3], np.uint8) for name in CORRUPTIONS}
    where, order = f"folder:{tmp_path / 'c'}", np.arange(len(LABELS))
    if layout == "arrays":
        stored.write_arrays(tmp_path / "c", images, LABELS)
    elif layout == "folders":
        stored.write_folders(tmp_path / "c", images, LABELS, DIGITS)
        order = np.argsort(LABELS, kind="stable")  # class after class
    else:
        stored.write_tfds(tmp_path, images, LABELS)
        where = "cifar10_corrupted"
    found = Stored(predictor, where, str(tmp_path))
    assert "20 images a severity" in found.found
    for name, severity in (("glass_blur", 2), ("elastic_transform", 5)):
        own = images[name].reshape(5, len(LABELS), 8, 8, 3)[severity - 1][order]
        white = (own / np.float32(255) - np.float32([0.5, 0.4, 0.3])) / np.float32([0.2, 0.3, 0.4])
        features = trained.networks.features(tf.constant(white), training=False)
        predicted = found.of(name, severity)
        np.testing.assert_allclose(predicted.logits, trained.networks.classifier(features), atol=1e-5)
        np.testing.assert_array_equal(predicted.labels, LABELS[order])
        assert predicted.features is None


def test_fewer_images_of_one_severity_are_told(colours, tmp_path):
    _, predictor = colours
    images = {name: np.zeros([5 * len(LABELS), 8, 8, 3], np.uint8) for name in CORRUPTIONS}
    stored.write_folders(tmp_path / "c", images, LABELS, DIGITS)
    (tmp_path / "c" / "snow" / "4" / "3" / "00003.png").unlink()
    with pytest.raises(ValueError, match="20 images in gaussian_noise 1 and 19 in snow 4: something is missing"):
        Stored(predictor, f"folder:{tmp_path / 'c'}", str(tmp_path / "data"))
    (tmp_path / "c" / "snow" / "4" / "3" / "00013.png").unlink()
    with pytest.raises(ValueError, match="no image"):
        Stored(predictor, f"folder:{tmp_path / 'c'}", str(tmp_path / "data"))


def test_in_memory_the_side_decides_the_constants(colours):
    assert InMemory(colours[1], None).made == {"images": "made in memory", "scale": "small", "frost_dir": None}
    assert InMemory(colours[1], None).label("frost") == "frost (generated)"
