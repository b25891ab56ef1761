"""What an evaluation leaves to look at: the images that were measured, corrupted as they were, and no others."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from supcon_tf.augment.corruptions.corruption import corrupted
from supcon_tf.records import pictures
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import evaluating, measured_pictures
from supcon_tf.run.evaluating import evaluate_run


@pytest.fixture
def run(trained_run, tmp_path):
    return shutil.copytree(trained_run, tmp_path / "run")


def kept(run, entry):
    return pictures.read(RunDirectory(run), entry)


def details(entry):
    return next(number["details"] for number in entry["numbers"] if number["name"] == "precision_at_1")


@pytest.mark.slow
def test_queries_and_what_they_find_are_the_test_images_of_these_numbers(run, monkeypatch):
    (entry,) = evaluate_run(run, measures=["retrieval"])
    assert "What images find" in (run / "report.html").read_text()
    found, about = kept(run, entry), details(entry)
    labels = np.load(next((run / "predictions").glob("*-test.npz")))["labels"]
    assert about["classes"] == labels[np.array(about["images"])].tolist()
    names = [[str(label) for label in row] for row in about["classes"]]  # those of digits
    assert found["class_names"].tolist() == names and found["images"].shape == (len(names), 6, 8, 8, 1)
    stored = {tuple(image.ravel()) for image in np.round(load_digits().images * 255 / 16).astype(int)}
    shown = found["images"].reshape(-1, 64).astype(int)
    assert {tuple(image) for image in shown} <= stored
    again = [
        found["images"][row, column] for row, column in np.argwhere(np.array(about["images"]) == about["images"][0][0])
    ]
    assert all(np.array_equal(image, found["images"][0, 0]) for image in again)
    measured_pictures.keep_pictures(RunDirectory(run), entry, None, None)  # nothing is made of what is there
    (path,) = (run / "pictures").iterdir()
    path.write_bytes(b"cut")  # as by a full disk: the same command makes it again, and measures nothing again
    monkeypatch.setattr(evaluating, "measured", None)
    assert evaluate_run(run, measures=["retrieval"]) == [entry] and kept(run, entry) is not None


@pytest.mark.slow
def test_corrupted_images_are_those_that_were_measured(run, monkeypatch):
    monkeypatch.setattr(evaluating, "CORRUPTIONS", ("gaussian_noise", "contrast"))
    (entry,) = evaluate_run(run, measures=["robustness"])
    found = kept(run, entry)
    assert found["names"].tolist() == ["gaussian_noise", "contrast"] and found["severities"].tolist() == [1, 3, 5]
    for row, name in zip(found["images"], found["names"]):
        for image, severity in zip(row, (1, 3, 5)):
            expected = corrupted(found["original"][None], str(name), severity, scale="small")[0]
            np.testing.assert_array_equal(image, expected)
    assert not np.array_equal(found["images"][0, 2], found["original"])  # control
    text = (run / "report.html").read_text()
    assert "severity 5" in text and "What images find" not in text and "Retrieval" not in text


def test_of_a_large_image_the_middle_is_shown():
    """A pattern whose every pixel says where it is: 200 pixels are more than twice a thumbnail."""
    image = np.add.outer(np.arange(200), np.arange(200))[..., None] / 512
    np.testing.assert_array_equal(measured_pictures._middle(image), image[36:164, 36:164])
    np.testing.assert_array_equal(measured_pictures._middle(image[:8, :8]), image[:8, :8])
