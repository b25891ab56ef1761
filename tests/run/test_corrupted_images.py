"""Robustness from stored images: the errors of the same networks by other code, in every layout, or nothing at all."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.augment.corruptions.corruption import corrupted
from supcon_tf.config import Data
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from supcon_tf.records import pictures
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
NAMES = ("glass_blur", "elastic_transform")  # whose names in TFDS are others; 75 passes would say no more


@pytest.fixture(scope="module")
def networks(trained_run, tmp_path_factory):
    """The networks of a run of digits, and what predicts some test digits by them."""
    run = shutil.copytree(trained_run, tmp_path_factory.mktemp("networks") / "run")
    strategy = tf.distribute.get_strategy()
    trained = restored(RunDirectory(run), strategy)
    data = Data(name="digits", test_split=PART)
    return trained, Predictor(RunDirectory(run), trained, data, str(run / "data"), strategy)


@pytest.fixture(scope="module")
def digits(networks):
    """These digits under all corruptions, as `corrupted` makes them: uint8 [5 n, 8, 8, 1] by name; and their labels."""
    images, labels = networks[1].source.arrays("test")
    made = {
        name: np.concatenate([corrupted(images, name, severity, scale="small") for severity in SEVERITIES])
        for name in CORRUPTIONS
    }
    return made, labels


def answers_by_other_code(trained, images):
    """Logits of the networks, without a pipeline."""
    white = (images / np.float32(255) - np.float32(trained.image["mean"])) / np.float32(trained.image["std"])
    features = trained.networks.features(tf.constant(white), training=False)
    return trained.networks.classifier(features).numpy()


def errors_by_other_code(trained, images, labels):
    """Top-1 error at each severity."""
    answers = answers_by_other_code(trained, images).argmax(1).reshape(len(SEVERITIES), -1)
    return [sum(int(a != b) for a, b in zip(row, labels)) / len(labels) for row in answers]


def errors(of, name, severities=SEVERITIES):
    predicted = [of(name, severity) for severity in severities]
    return [float(np.mean(p.logits.argmax(1) != p.labels)) for p in predicted]


@pytest.mark.slow
def test_errors_are_those_by_other_code_and_of_the_same_pixels_in_memory(networks, digits, tmp_path):
    trained, predictor = networks
    stored.write_arrays(tmp_path / "c", *digits)
    of_stored, in_memory = Stored(predictor, f"folder:{tmp_path / 'c'}", str(tmp_path)), InMemory(predictor, None)
    for name in NAMES:
        found = errors(of_stored.of, name)
        assert found == pytest.approx(errors_by_other_code(trained, digits[0][name], digits[1]))
        assert found == errors(in_memory.of, name)
    assert of_stored.made["images_each"] == 60 and of_stored.found.endswith("c, 60 images a severity")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["labels", "order", "severities", "names"])
def test_wrong_labels_order_or_names_give_other_numbers(change, networks, digits, tmp_path):
    trained, predictor = networks
    images, labels = dict(digits[0]), digits[1]
    right = {name: errors_by_other_code(trained, images[name], labels)[::4] for name in NAMES}  # severities 1 and 5
    if change == "labels":
        labels = labels[::-1]
    elif change == "names":
        images.update(zip(NAMES, [images[name] for name in NAMES[::-1]]))
    else:
        turned = (slice(None), slice(None, None, -1)) if change == "order" else (slice(None, None, -1), slice(None))
        for name, whole in images.items():
            images[name] = whole.reshape(5, 60, 8, 8, 1)[turned].reshape(whole.shape)
    stored.write_arrays(tmp_path / "c", images, labels)
    of_stored = Stored(predictor, f"folder:{tmp_path / 'c'}", str(tmp_path))
    wrong = {name: errors(of_stored.of, name, (1, 5)) for name in NAMES}
    assert wrong != right
    if change == "severities":
        assert wrong == {name: by_severity[::-1] for name, by_severity in right.items()}
    if change == "names":
        assert wrong == {name: right[other] for name, other in zip(NAMES, NAMES[::-1])}


@pytest.fixture
def run(trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluating, "CORRUPTIONS", NAMES[:1])
    monkeypatch.setattr(evaluating, "_write_page", lambda directory: None)
    return shutil.copytree(trained_run, tmp_path / "run")


def evaluated(run, where="", measures=("robustness",), told=print):
    data = Data(name="digits", test_split=PART)
    return evaluate_run(run, measures=measures, data=data, robustness=Robustness(stored=where), told=told)


@pytest.mark.slow
def test_the_table_says_which_images_these_were_and_answers_alone_are_kept(run, networks, digits, tmp_path):
    stored.write_arrays(tmp_path / "c", *digits)
    (entry,) = evaluated(run, f"folder:{tmp_path / 'c'}")
    found = {number["name"]: number for number in entry["numbers"]}
    assert found["error_glass_blur"]["details"] == {
        "severity": list(SEVERITIES),
        "error": pytest.approx(errors_by_other_code(networks[0], digits[0]["glass_blur"], digits[1])),
    }
    del found["clean_error"]
    for number in found.values():
        assert f"stored images of folder:{tmp_path / 'c'}" in number["protocol"] and number["n"] == 60
        assert "in memory" not in number["protocol"] and "frost" not in number["protocol"]
    assert entry["made"]["corrupted"]["layout"] == "arrays"
    for path in (run / "predictions").iterdir():
        kept, clean = np.load(path), path.stem.endswith("-test")
        arrays = [*(["embeddings"] if clean else []), "logits", "labels"]
        assert kept.files == ["made", *arrays] and json.loads(kept["made"].tobytes())["arrays"] == arrays
    assert len(list((run / "predictions").iterdir())) == 1 + len(SEVERITIES)
    shown = pictures.read(RunDirectory(run), entry)
    assert "original" not in shown and shown["names"].tolist() == ["glass_blur"]  # no clean image is stored with them
    np.testing.assert_array_equal(shown["images"][0], digits[0]["glass_blur"].reshape(5, 60, 8, 8, 1)[::2, 0])


@pytest.mark.slow
def test_only_robustness_depends_on_where_they_come_from(run, digits, tmp_path, monkeypatch):
    stored.write_arrays(tmp_path / "c", *digits)
    told, where = [], f"folder:{tmp_path / 'c'}"
    first = evaluated(run, "", ["accuracy", "robustness"], told.append)
    second = evaluated(run, where, ["accuracy", "robustness"], told.append)
    evaluated(run, where, told=told.append)
    found = f"robustness: arrays of corrupted images in {where}, 60 images a severity"
    before = [": measured before"] * 2
    assert told == [
        "accuracy", "robustness", found, f"accuracy{before[0]}", "robustness", found, f"robustness{before[1]}",
    ]  # fmt: skip
    assert "corrupted" not in first[0]["made"] and first[0] == second[0]
    assert len(json.loads((run / "measures.json").read_text())["measures"]) == 2
    values = [[number["value"] for number in entry["numbers"]] for entry in (first[1], second[1])]
    assert values[0] == values[1]  # the same pixels
    assert all("in memory" in number["protocol"] for number in first[1]["numbers"][1:])
    (run / "measures.json").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(predictions_module, "embed_split", None)  # nothing is predicted again
        assert evaluated(run, where)[0]["numbers"] == second[1]["numbers"]
    stored.write_arrays(tmp_path / "c", {**digits[0], "fog": 255 - digits[0]["fog"]}, digits[1])
    evaluated(run, where, told=told.append)
    assert told[-1] == "robustness"  # other images, be they of a corruption that is not measured here


@pytest.mark.slow
def test_another_run_is_a_baseline_once_it_is_measured(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    data, how = Data(name="digits", test_split=PART), Robustness(baseline=str(other))
    with pytest.raises(ValueError, match="has no errors of the same images under the same corruptions"):
        evaluate_run(run, measures=["robustness"], data=data, robustness=how)
    assert not (run / "measures.json").exists()  # refused before anything was measured
    evaluated(other)
    told = []
    (entry,) = evaluate_run(run, measures=["robustness"], data=data, robustness=how, told=told.append)
    assert evaluated(run) == [entry]  # it stands there also for who asks without it
    found = {number["name"]: number for number in entry["numbers"]}
    assert found["mce_against_other"]["value"] == pytest.approx(100)  # equal networks
    assert ("relative_mce_against_other" in found) != any("relative_mce_against_other: not" in line for line in told)
    (again,) = evaluate_run(run, measures=["robustness"], data=data, robustness=how)
    assert again == entry  # once, not twice


@pytest.mark.slow
@pytest.mark.parametrize(
    "change, message",
    [
        ("missing", r"lacks corrupted images.*\n  frost: all severities"),
        ("classes", "numbers its 9 classes, as CIFAR does, and the classifier's 10 are called 0, 1, 2"),
        ("colours", "have 3 channels; the run's networks take 1"),
        ("cut", r"fog.npy must hold uint8 images \[300"),
    ],
)
def test_what_is_not_whole_is_refused_before_anything(change, message, networks, digits, tmp_path):
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
        Stored(networks[1], f"folder:{tmp_path / 'c'}", str(tmp_path))


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
        predicted = found.of(name, severity)
        np.testing.assert_allclose(predicted.logits, answers_by_other_code(trained, own), atol=1e-5)
        np.testing.assert_array_equal(predicted.labels, LABELS[order])
        assert predicted.features is None
        np.testing.assert_allclose(found.first(name, severity), own[0] / np.float32(255), atol=1e-6)  # for the page


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
