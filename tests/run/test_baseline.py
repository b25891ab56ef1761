"""An mCE with a named baseline: by hand, of a run against itself, and refused where it would compare other things."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from supcon_tf.evaluation.measures import Measure
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from supcon_tf.run.baseline import Baseline

MADE = {
    "checkpoint": "linear/step-2", "weights": "0123456789", "data": {"name": "cifar10", "test_split": ""},
    "fingerprint": "cifar10/3.0.2", "split": "test", "images": 10000,
    "corrupted": {"images": "stored", "name": "folder:C", "layout": "arrays", "fingerprint": "abc"},
}  # fmt: skip


def entry(seed, *, least=0.3, clean=0.1, **made):
    """As `measures.json` has it, with errors drawn by the seed."""
    random, n = np.random.default_rng(seed), 10000
    numbers = [Measure("clean_error", 100 * clean, "points", "", n), Measure("mean_error", 50.0, "points", "", n)]
    numbers += [Measure(f"error_severity_{severity}", 50.0, "points", "", n) for severity in SEVERITIES]
    for name in CORRUPTIONS:
        details = {"severity": list(SEVERITIES), "error": random.uniform(least, 0.9, len(SEVERITIES)).tolist()}
        numbers.append(Measure(f"error_{name}", 100 * np.mean(details["error"]), "points", "", n, None, details))
    numbers = json.loads(json.dumps([number._asdict() for number in numbers]))
    return {"measure": "robustness", "made": {**copy.deepcopy(MADE), **made}, "numbers": numbers}


def directory(place, *entries):
    place.mkdir()
    (place / "config.json").write_text("{}")
    (place / "measures.json").write_text(json.dumps({"measures": list(entries)}))
    return str(place)


def table(found):
    return {n["name"]: n["details"]["error"] for n in found["numbers"] if n["details"]}


def against(baseline, found, unpublished=frozenset()):
    told = []
    return {n["name"]: n for n in baseline.against(found, unpublished, told.append)}, told


def test_by_hand(tmp_path):
    ours, theirs = entry(0, clean=0.05), entry(1, clean=0.1)
    run = directory(tmp_path / "cross entropy", theirs)
    found, told = against(Baseline(run, ours["made"]), ours)
    mce, relative = 0.0, 0.0
    for name in table(ours):
        a, b = sum(table(ours)[name]) / 5, sum(table(theirs)[name]) / 5
        mce += a / b / 15
        relative += (a - 0.05) / (b - 0.1) / 15
    assert found["mce_against_cross_entropy"]["value"] == pytest.approx(100 * mce)
    assert found["relative_mce_against_cross_entropy"]["value"] == pytest.approx(100 * relative)
    number = found["mce_against_cross_entropy"]
    assert number["n"] == 10000 and number["protocol"] == (
        f"over 15 corruptions, the errors of {run} (linear/step-2, weights 01234567) are 100; stored images of folder:C"
    )
    assert told == []


def test_a_run_against_itself_has_100_and_100(tmp_path):
    ours = entry(0)
    found, _ = against(Baseline(directory(tmp_path / "same", ours), ours["made"]), ours)
    assert [number["value"] for number in found.values()] == pytest.approx([100, 100])


def test_what_is_not_published_does_not_count(tmp_path):
    ours, theirs = entry(0), entry(1)
    baseline = Baseline(directory(tmp_path / "b", theirs), ours["made"])
    changed = copy.deepcopy(ours)
    for number in changed["numbers"]:
        if number["name"] == "error_frost":
            number["details"]["error"] = [1.0] * 5
    values = [
        against(baseline, found, which)[0]["mce_against_b"]["value"]
        for which in (frozenset(["frost"]), frozenset())
        for found in (ours, changed)
    ]
    assert values[0] == values[1] and values[2] < values[3]


def test_where_corruption_does_no_harm_there_is_no_relative_one(tmp_path):
    ours, theirs = entry(0), entry(1, clean=0.9)
    found, told = against(Baseline(directory(tmp_path / "b", theirs), ours["made"]), ours)
    assert list(found) == ["mce_against_b"]
    assert len(told) == 1 and told[0].startswith("relative_mce_against_b: not given, since the baseline's error under")
    for number in theirs["numbers"]:
        if number["details"]:
            number["details"]["error"] = [0.0] * 5
    found, told = against(Baseline(directory(tmp_path / "perfect", theirs), ours["made"]), ours)
    assert found == {} and "must be above 0" in told[0]


OTHER = {
    "data": {"fingerprint": "cifar10/2"},
    "part": {"data": {"name": "cifar10", "test_split": "test[:50%]"}},
    "in memory": {"corrupted": {"images": "made in memory", "scale": "small", "frost_dir": None}},
    "stored": {"corrupted": {**MADE["corrupted"], "fingerprint": "abd"}},
    "older": {"corrupted": None},
}


@pytest.mark.parametrize("change", OTHER)
def test_errors_of_other_images_or_corruptions_are_refused(change, tmp_path):
    theirs = entry(1, **OTHER[change])
    if change == "older":
        del theirs["made"]["corrupted"]
    run = directory(tmp_path / "b", theirs)
    with pytest.raises(
        ValueError, match="has no errors of the same images under the same corruptions: measure it first"
    ):
        Baseline(run, entry(0)["made"])


def test_where_the_same_images_lie_does_not_matter(tmp_path):
    elsewhere = {**MADE["corrupted"], "name": "folder:ELSEWHERE"}
    Baseline(directory(tmp_path / "b", entry(1, corrupted=elsewhere)), entry(0)["made"])


def test_no_run_and_no_measure_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        Baseline(str(tmp_path / "nowhere"), MADE)
    run = directory(tmp_path / "b", {"measure": "robustness", "made": MADE, "why_not": "no classifier"})
    with pytest.raises(ValueError, match="measure it first"):
        Baseline(run, MADE)
