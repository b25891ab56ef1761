"""Model files of others are measured as runs are: every number is what independent code has of `model.predict`."""

from __future__ import annotations

import json
import shutil

import numpy as np
import PIL.Image
import pytest
import sklearn.metrics

from supcon_tf.config import Data, Model
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.exported import check_place
from supcon_tf.run import evaluating, evaluating_model
from supcon_tf.run.evaluating import evaluate_run
from supcon_tf.run.evaluating_model import evaluate_model
from supcon_tf.run.export import export_run
from tests.models_of_others import digits, digits_model, export, parts

HOW = Model(output="probabilities", range="-1..1")
DIGITS = Data(name="digits")
MEASURES = ["accuracy", "retrieval", "representation"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model as a file and as a program, and prepared digits."""
    place = tmp_path_factory.mktemp("models")
    model = digits_model()
    model.save(place / "model.keras")
    export(model, place / "program")
    return place


def numbers(entries):
    return {number["name"]: number["value"] for entry in entries for number in entry.get("numbers", [])}


def measured(place, name="model.keras", how=HOW, measures=MEASURES, **more):
    more = {"data_dir": str(place / "data"), **more}
    return evaluate_model(place / name, how, more.pop("data", DIGITS), measures=measures, **more)


def by_other_code(found: dict, labels: np.ndarray) -> dict:
    """Some measures of features and probabilities, by scikit-learn and plain loops."""
    chances, features = found["answers"].astype(np.float64), found["features"].astype(np.float64)
    right = chances.argmax(1) == labels
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -np.inf)
    squared = ((unit[:, None] - unit[None]) ** 2).sum(-1)
    pairs = np.triu_indices(len(labels), 1)
    same = labels[pairs[0]] == labels[pairs[1]]
    ece = 0.0
    for low in range(15):
        within = np.ceil(chances.max(1) * 15) == low + 1
        ece += abs(right[within].sum() - chances.max(1)[within].sum()) / len(labels)
    return {
        "top1": sklearn.metrics.accuracy_score(labels, chances.argmax(1)),
        "mean_per_class": sklearn.metrics.balanced_accuracy_score(labels, chances.argmax(1)),
        "nll": sklearn.metrics.log_loss(labels, chances / chances.sum(1, keepdims=True)),
        "brier": ((chances - np.eye(10)[labels]) ** 2).sum(1).mean(),
        "ece": ece,
        "precision_at_1": (labels[similar.argmax(1)] == labels).mean(),
        "uniformity": np.log(np.exp(-2 * squared[pairs]).mean()),
        "alignment": squared[pairs][same].mean(),
    }


def test_every_number_is_what_other_code_has_of_its_predictions(place, tmp_path):
    pixels, labels = digits()["test"]
    told = []
    found = numbers(measured(place, measures=[*MEASURES, "calibration"], told=told.append, to=tmp_path / "to"))
    expected = by_other_code(parts(digits_model(), pixels / np.float32(127.5) - 1), labels)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert told[:2] == ["images: 8 x 8 x 1, crop_then_resize, pixels -1..1",
                        "features: what the last dense layer, 'classes', is given, 6 numbers"]  # fmt: skip
    html = (tmp_path / "to" / "report.html").read_text()
    assert "model.keras, on digits" in html and told[0] in html and "Retrieval" in html and ", seed" not in html
    kept = json.loads((tmp_path / "to" / "measures.json").read_text())["measures"]
    assert [entry["measure"] for entry in kept] == [*MEASURES, "calibration"]


@pytest.mark.slow
def test_another_range_gives_other_numbers(place, tmp_path):
    """Control: what a wrong guess would cost, and why nothing is guessed."""
    right = numbers(measured(place, to=tmp_path / "right"))
    wrong = numbers(measured(place, how=Model(output="probabilities", range="0..255"), to=tmp_path / "wrong"))
    assert abs(right["nll"] - wrong["nll"]) > 0.1 and right["top1"] != wrong["top1"]


@pytest.mark.slow
def test_a_program_of_the_model_has_its_numbers_and_no_features(place, tmp_path):
    of_file = numbers(measured(place, measures=["accuracy"], to=tmp_path / "file"))
    entries = measured(place, "program", measures=["accuracy", "retrieval"], to=tmp_path / "program")
    assert numbers(entries) == pytest.approx(of_file, rel=1e-5)
    assert "no features are taken" in entries[1]["why_not"]


def test_what_is_measured_is_kept_and_a_changed_file_is_measured_anew(place, tmp_path, monkeypatch):
    model = shutil.copy(place / "model.keras", tmp_path / "model.keras")
    told = []
    where = {"data_dir": str(place / "data"), "told": told.append}
    first = evaluate_model(model, HOW, DIGITS, measures=["accuracy"], **where)
    assert (tmp_path / "model.keras.measures" / "measures.json").exists()
    monkeypatch.setattr(evaluating, "measured", None)  # nothing is measured again
    assert evaluate_model(model, HOW, DIGITS, measures=["accuracy"], **where) == first
    assert "accuracy: measured before" in told
    monkeypatch.undo()
    other = digits_model()
    other.get_layer("classes").set_weights([-weights for weights in other.get_layer("classes").get_weights()])
    other.save(model)
    again = evaluate_model(model, HOW, DIGITS, measures=["accuracy"], **where)
    assert again[0]["made"]["weights"] != first[0]["made"]["weights"]
    assert numbers(again)["nll"] != numbers(first)["nll"]
    assert len(json.loads((tmp_path / "model.keras.measures" / "measures.json").read_text())["measures"]) == 1
    assert len(list((tmp_path / "model.keras.measures" / "predictions").iterdir())) == 1


def test_a_folder_of_photographs(tmp_path):
    """In colours, cut to the square, and shrunk by half: then bilinear is the mean of two by two pixels."""
    random, images, labels = np.random.default_rng(0), [], []
    for split in ("train", "test"):
        for label, name in enumerate(("cat", "dog", "owl")):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for number in range(4):
                pixels = random.integers(0, 256, (16, 24, 3), np.uint8)
                PIL.Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{number}.png")
                if split == "test":
                    images.append(pixels[:, 4:20].reshape(8, 2, 8, 2, 3).mean((1, 3)))
                    labels.append(label)
    model = digits_model("linear", classes=3, channels=3)
    model.save(tmp_path / "photos.keras")
    data, how = Data(name=f"folder:{tmp_path / 'photos'}"), Model(output="logits", range="caffe")
    evaluate_model(tmp_path / "photos.keras", how, data, measures=["accuracy", "retrieval"], to=tmp_path / "to")
    (kept,) = (tmp_path / "to" / "predictions").glob("*-test.npz")
    arrays = np.load(kept)
    blue_first = np.array(images, np.float32)[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    expected = parts(model, blue_first)
    np.testing.assert_allclose(arrays["logits"], expected["answers"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(arrays["embeddings"], expected["features"], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(arrays["labels"], labels)


@pytest.mark.parametrize(
    "how, message",
    [
        ({"output": "logits"}, "as probabilities do. Say --model.output=probabilities"),
        ({"answers": "classes"}, "must lie in 0..1 and sum to 1; .*say --model.output=logits"),
    ],
)
def test_answers_that_are_something_else_are_refused_and_nothing_is_kept(how, message, place, tmp_path):
    said = Model(**{"output": "probabilities", "range": "0..1", **how})
    with pytest.raises(ValueError, match=message):
        measured(place, how=said, measures=["accuracy"], to=tmp_path / "to")
    assert not (tmp_path / "to" / "predictions").exists() and not (tmp_path / "to" / "measures.json").exists()


def test_other_channels_and_other_places_are_refused(place, tmp_path):
    digits_model(channels=3).save(tmp_path / "colours.keras")
    with pytest.raises(ValueError, match="'digits' have 1 channels; the model's networks take 3"):
        evaluate_model(tmp_path / "colours.keras", HOW, DIGITS, to=tmp_path / "to", data_dir=str(place / "data"))
    with pytest.raises(ValueError, match="lies within the model"):
        measured(place, "program", to=place / "program" / "measures")
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        evaluate_model("nowhere.keras", HOW, DIGITS, measures=["acuracy"])


@pytest.fixture(scope="module")
def exported(trained_run, tmp_path_factory):
    place = tmp_path_factory.mktemp("exported")
    export_run(RunDirectory(trained_run), place / "export")
    return place


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classifier.keras", "classifier", "encoder.keras", "encoder"])
def test_an_export_has_the_numbers_of_its_run(name, exported, trained_run, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluating, "CORRUPTIONS", ("contrast",))
    run = shutil.copytree(trained_run, tmp_path / "run")
    measures = ["accuracy", "retrieval", *(["robustness"] if name == "classifier" else [])]
    of_run = numbers(evaluate_run(run, measures=measures))
    entries = evaluate_model(exported / "export" / name, Model(), DIGITS, measures=measures)
    own, classifies = numbers(entries), name.startswith("classifier")
    places = run / "predictions", exported / "export.measures" / name / "predictions"
    features = [np.load(next(place.glob("*-test.npz")))["embeddings"] for place in places]
    np.testing.assert_allclose(*features, atol=1e-5)
    near = {"precision_at_1", "r_precision", "map_at_r"}  # of features that hardly differ, after two steps of training
    for number, value in own.items():
        assert value == pytest.approx(of_run[number], abs=0.02 if number in near else 2e-4), number
    assert set(own) == set(of_run) if classifies else "features alone are taken" in entries[0]["why_not"]
    assert (exported / "export.measures" / name / "measures.json").exists()  # the export stays one
    with pytest.raises(ValueError, match="is an export, which says itself how it is read"):
        evaluate_model(exported / "export" / name, Model(output="features"), DIGITS)
    check_place(exported / "export")  # `launch.export` may replace it


@pytest.mark.slow
@pytest.mark.two_replicas_required
@pytest.mark.parametrize("name", ["model.keras", "program"])
def test_two_replicas_measure_the_same(name, place, tmp_path, two_replicas, monkeypatch):
    alone = numbers(measured(place, name, to=tmp_path / "alone"))
    monkeypatch.setattr(evaluating_model, "make_strategy", lambda *name, **how: two_replicas)
    together = numbers(measured(place, name, to=tmp_path / "together", strategy="mirrored", replicas=2))
    assert together == pytest.approx(alone, rel=1e-4) and together
