"""Measures by name: what each says of arrays whose answers are known, and why one cannot be given."""

from __future__ import annotations

import types

import numpy as np
import pytest

from supcon_tf.evaluation import measures, robustness
from supcon_tf.evaluation.measures import Evidence, NotMeasurable, measured
from supcon_tf.names import CORRUPTIONS, MEASURES

CLASSES = 6


def images(count, *, wrong=0, classes=CLASSES, seed=0):
    """Features around their class's corner, and answers of which the first `wrong` are wrong."""
    labels = np.arange(count) % classes
    corners = np.eye(classes, dtype=np.float32)
    features = corners[labels] + np.random.default_rng(seed).normal(size=[count, classes]).astype(np.float32) / 100
    logits = 9 * corners[np.where(np.arange(count) < wrong, (labels + 1) % classes, labels)]
    return types.SimpleNamespace(features=features, logits=logits, labels=labels)


def evidence(corrupted=None, **changes):
    splits = {"train": images(240), "test": images(120, wrong=12, seed=1)}
    whole = Evidence(
        of=splits.__getitem__,
        corrupted=corrupted,
        corruptions={name: f"{name}*" for name in CORRUPTIONS},
        unpublished=frozenset(["frost"]),
        classes=CLASSES,
        label_sets=False,
        labelled=True,
        why_no_logits="no classifier",
    )
    return whole._replace(**changes)


def numbers(name, *given, **changes):
    return {found.name: found for found in measured(name, evidence(*given, **changes))}


def test_every_name_has_its_function():
    assert tuple(measures.FUNCTIONS) == MEASURES


def test_numbers_of_arrays_whose_answers_are_known():
    found = numbers("accuracy")
    assert found["top1"].value == 0.9 and found["top1"].n == 120 and found["top5"].value > 0.9
    low, high = found["top1"].interval
    assert 0.8 < low < 0.9 < high < 0.96
    assert found["mean_per_class"].details is None  # of classes without names
    names = tuple(f"c{number}" for number in range(CLASSES))
    details = numbers("accuracy", class_names=names)["mean_per_class"].details
    split, counts = images(120, wrong=12, seed=1), np.zeros([CLASSES, CLASSES], int)
    for logits, label in zip(split.logits, split.labels):
        counts[label, logits.argmax()] += 1
    assert details == {"confusion": counts.tolist(), "class_names": list(names)} and np.trace(counts) == 108
    assert numbers("accuracy", class_names=names * 21)["mean_per_class"].details is None  # more than a page can show
    sure = np.exp(9) / (np.exp(9) + CLASSES - 1)
    ece = numbers("calibration")["ece"]
    assert ece.value == pytest.approx(sure - 0.9, abs=1e-6) and ece.details["counts"] == [120]
    for name in ("knn_dino", "knn_instdisc", "few_shot", "linear"):
        assert next(iter(numbers(name).values())).value == 1.0, name
    assert "of 45 chosen on 20 % of train" in numbers("linear")["linear_lbfgs"].protocol
    assert {name: found.value for name, found in numbers("retrieval").items()} == {
        "precision_at_1": 1, "r_precision": 1, "map_at_r": 1,
    }  # fmt: skip
    curve = numbers("retrieval")["precision_at_1"].details
    assert curve["precision"][:19] == [1] * 19 and curve["precision"][99] == pytest.approx(19 / 100)
    found = numbers("representation")
    assert found["alignment"].value < 0.01 and found["effective_rank"].value == pytest.approx(CLASSES, abs=0.01)
    with pytest.raises(NotMeasurable, match="20"):  # an episode asks 5 shots and 15 queries of a class: here are 20
        numbers("episodes", of=lambda split: images(60))
    assert numbers("episodes")["episodes"].value == 1.0


def test_robustness_is_a_table_of_errors():
    """The error of corruption i at severity s is 2 i + s images of 120."""

    def corrupted(name, severity):
        return images(120, wrong=2 * CORRUPTIONS.index(name) + severity)

    found = numbers("robustness", corrupted)
    assert found["clean_error"].value == pytest.approx(10)
    assert found["error_fog"].value == pytest.approx(100 * (2 * CORRUPTIONS.index("fog") + 3) / 120)
    assert found["mean_error"].value == pytest.approx(100 * (14 + 3) / 120)
    assert found["error_severity_1"].value == pytest.approx(100 * (14 + 1) / 120)
    assert "frost* is not the published one" in found["mean_error"].protocol and "mce" not in found
    fog = found["error_fog"].details
    assert fog["severity"] == [1, 2, 3, 4, 5] and fog["error"][4] == pytest.approx(
        (2 * CORRUPTIONS.index("fog") + 5) / 120
    )


def test_mce_is_for_the_classes_of_imagenet_and_without_a_generated_frost():
    def of(wrong):
        return images(1000, wrong=wrong, classes=1000)

    def as_alexnet(name, severity):
        return of(round(1000 * robustness.ALEXNET[name]))

    names = {name: name for name in ("fog", "frost", "snow")}
    change = {"classes": 1000, "of": lambda split: of(435), "corruptions": names}
    found = numbers("robustness", as_alexnet, **change)
    assert found["mce"].value == pytest.approx(100, abs=0.1) and "over 2 of the 15" in found["mce"].protocol
    assert found["relative_mce"].value == pytest.approx(100, abs=0.3)
    whole = numbers("robustness", as_alexnet, **change, unpublished=frozenset())
    assert "over 3 of the 15" in whole["mce"].protocol and "is not the published" not in whole["mean_error"].protocol


def test_stored_images_are_said_to_be_stored_and_give_mce_over_all_15():
    """Their number may be another than that of the clean images: both are stated."""

    def as_alexnet(name, severity):
        return images(2000, wrong=round(2000 * robustness.ALEXNET[name]))

    change = {"classes": 1000, "of": lambda split: images(1000, wrong=435), "unpublished": frozenset()}
    found = numbers("robustness", as_alexnet, **change, stored="folder:C")
    assert found["mce"].value == pytest.approx(100, abs=0.1)
    assert found["relative_mce"].value == pytest.approx(100, abs=0.3)
    assert "over 15 of the 15" in found["mce"].protocol
    assert found["relative_mce"].protocol.endswith("above the clean error of 1,000 images")
    assert found.pop("clean_error").n == 1000
    for number in found.values():
        assert number.n == 2000 and "stored images of folder:C" in number.protocol and "memory" not in number.protocol
    made = numbers("robustness", as_alexnet, **change)
    assert all("corrupted in memory" in number.protocol for number in made.values() if number.name != "clean_error")


@pytest.mark.parametrize("name", MEASURES)
def test_what_cannot_be_measured_is_told_in_a_line(name):
    with pytest.raises(NotMeasurable, match="have no labels"):
        numbers(name, labelled=False)
    if name != "accuracy":
        with pytest.raises(NotMeasurable, match="several labels"):
            numbers(name, label_sets=True)
    if name in ("accuracy", "calibration", "robustness"):
        without = images(60)
        without.logits = None
        with pytest.raises(NotMeasurable, match="no classifier"):
            numbers(name, of=lambda split: without)


def test_few_images_are_told():
    with pytest.raises(NotMeasurable, match="asks 200 training images, and there are 60"):
        numbers("knn_instdisc", of=lambda split: images(60))
    with pytest.raises(NotMeasurable, match="no class has two images"):
        numbers("retrieval", of=lambda split: images(6))


def test_label_sets_have_their_precision():
    sets = images(120)
    sets.labels = np.eye(CLASSES, dtype=np.float32)[sets.labels]
    (found,) = measured("accuracy", evidence(label_sets=True, of=lambda split: sets))
    assert found.name == "mean_average_precision" and found.value == pytest.approx(1)


def test_a_misspelt_measure_gets_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'retrieval'"):
        numbers("retreival")
