"""Images beside measures: every one with its words, right and wrong told apart by more than colour, names escaped."""

from __future__ import annotations

import re

import numpy as np

from supcon_tf.report import measure_pictures
from tests.report.test_report import Page

NAMES = np.array([["<b>cat</b>", "dog", "<b>cat</b>"], ["dog", "dog", "<b>cat</b>"]])
FOUND = {"classes": [[0, 1, 0], [1, 1, 0]], "images": [[4, 7, 9], [7, 4, 9]]}


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_neighbours_have_their_class_and_a_sign():
    page = Page(measure_pictures.neighbours(FOUND, {"images": images(2, 3, 8, 8, 1), "class_names": NAMES}))
    spans = [attributes for tag, attributes in page.tags if tag == "span"]
    assert [span["class"] for span in spans] == ["query", "wrong", "right", "query", "right", "wrong"]
    assert [span["title"] for span in spans] == NAMES.ravel().tolist()
    signs = re.findall("[\u2713\u2717]", page.text.split("another.")[1])
    assert signs == ["\u2717", "\u2713", "\u2713", "\u2717"]
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert pictures[1]["alt"] == "nearest 1, wrong: dog" and pictures[0]["alt"] == "of class <b>cat</b>"
    assert all(picture["class"] == "sharp" for picture in pictures) and len(pictures) == 6
    assert "the most similar of these" in page.text and "the first test image of some classes" in page.text


def test_where_everything_is_right_nothing_is_said_of_mistakes():
    right = {"classes": [[1, 1, 0]], "images": [[7, 4, 9]]}
    html = measure_pictures.neighbours(right, {"images": images(1, 3, 8, 8, 3), "class_names": NAMES[1:]})
    assert "Nearest is of the class" in html and "of another class" not in html


def test_corruptions_have_their_errors():
    details = {"severity": [1, 2, 3, 4, 5], "error": [0.1, 0.2, 0.35, 0.4, 0.5]}
    number = {"name": "error_gaussian_noise", "details": details}
    pictures = {
        "original": images(8, 8, 1), "images": images(2, 3, 8, 8, 1), "severities": np.array([1, 3, 5]),
        "names": np.array(["gaussian_noise", "fog"]),
    }  # fmt: skip
    page = Page(measure_pictures.corruptions([{"name": "mean_error"}, number], pictures))
    assert "gaussian noise" in page.text and "fog" not in page.text  # which was not measured
    for share in ("10.0 %", "35.0 %", "50.0 %", "31.0 %"):  # at 1, 3 and 5, and the mean
        assert share in page.text
    assert "20.0 %" not in page.text and any("4: 40.0 %" in a.get("title", "") for _, a in page.tags)
    assert [a["alt"] for tag, a in page.tags if tag == "img"] == [
        "the first test image as it is", *(f"gaussian noise, severity {severity}" for severity in (1, 3, 5)),
    ]  # fmt: skip
    del pictures["original"]  # images that were stored corrupted have none
    page = Page(measure_pictures.corruptions([number], pictures))
    assert "as it is" not in page.text and len([tag for tag, _ in page.tags if tag == "img"]) == 3


def test_larger_images_are_stored_as_photographs_and_stay_small():
    """15 corruptions of 64 pixels at three severities: noise, the largest that there is, is under a megabyte."""
    names = np.array([f"c{number}" for number in range(15)])
    numbers = [{"name": f"error_{name}", "details": {"severity": [1, 3, 5], "error": [0.1] * 3}} for name in names]
    pictures = {
        "original": images(64, 64, 3), "images": images(15, 3, 64, 64, 3), "severities": np.array([1, 3, 5]),
        "names": names,
    }  # fmt: skip
    html = measure_pictures.corruptions(numbers, pictures)
    assert len(html) < 1e6 and html.count("data:image/jpeg;base64,") == 46 and "sharp" not in html
