"""The sections of pictures: what is shown of a whole evaluation.npz, and what is said of a partial one."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.report.gallery import confusion, images_section, views_section
from supcon_tf.report.runs import read_groups
from tests.report.run_directories import answers, label_sets, write_run


@pytest.fixture
def section(tmp_path):
    """Writes a run whose evaluation.npz is changed, and returns its two sections."""

    def make(*, without=(), **changes):
        path = write_run(tmp_path, images=60)
        arrays = {name: array for name, array in {**answers(60), **changes}.items() if name not in without}
        np.savez(path / "evaluation.npz", **arrays)
        groups = read_groups([path])
        return views_section(groups), images_section(groups)

    return make


def test_confusion_counts_pairs():
    labels, predictions = np.random.default_rng(0).integers(0, 4, (2, 100))
    counts = confusion(labels, predictions, 4)
    for label in range(4):
        for taken in range(4):
            assert counts[label, taken] == sum(
                a == label and b == taken for a, b in zip(labels.tolist(), predictions.tolist())
            )


def test_every_original_is_beside_its_views(section):
    views, _ = section()
    assert views.count('class="card"') == 12 and views.count('alt="original"') == 12 and views.count('alt="view"') == 24


def test_a_whole_evaluation_has_all_three_pictures(section):
    _, html = section()
    wrong = int((answers(60)["labels"] != answers(60)["predictions"]).sum())
    assert "t-SNE of all 60 test images" in html and f"{wrong} of 60 images are off the diagonal" in html
    assert html.count('alt="mistaken image"') == wrong


def test_no_views_make_a_sentence(section):
    views, html = section(without=("views", "originals"))
    assert "No run kept its augmented views" in views and "<img" not in views and "t-SNE" in html


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"without": ("embeddings",)}, "no embeddings: no projection"),
    ({"embeddings": np.full((60, 8), np.nan)}, "must be finite"),
    ({"embeddings": np.ones((60, 1))}, "at least 4 embeddings of 2 dimensions; got shape (60, 1)"),
    ({"without": ("predictions",)}, "no predictions: no projection and no confusion matrix"),
    ({"mistakes": np.zeros((0, 8, 8, 1))}, "No mistaken image was kept"),
    ({"without": ("mistakes",)}, "No mistaken image was kept"),
])  # fmt: skip
def test_what_is_missing_is_said(section, changes, sentence):
    assert sentence in section(**changes)[1]


def test_many_classes_are_a_heat_map_with_the_worst_pairs_by_name(section):
    names = np.array([f"class {number}" for number in range(120)])
    labels = np.arange(60) % 30
    predictions = np.where(labels == 7, 99, labels)
    _, html = section(class_names=names, labels=labels, predictions=predictions, embeddings=np.eye(60))
    assert 'class="cell' not in html and "sharp heat" in html
    assert "<td>class 7</td><td>class 99</td>" in html and "2 of 2" in html
    assert "In colour: the 10 classes with the most mistakes." in html


def test_without_evaluation_there_is_a_sentence(tmp_path):
    groups = read_groups([write_run(tmp_path, evaluation=False)])
    assert "No evaluation.npz yet" in images_section(groups) and "<svg" not in images_section(groups)


def test_experiments_share_the_room(tmp_path):
    groups = read_groups([write_run(tmp_path, experiment=name, images=60) for name in "abcd"])
    assert views_section(groups).count('class="card"') == 16


def test_label_sets_show_how_well_each_class_is_found(section):
    arrays = label_sets(60)
    one = int(((arrays["labels"] > 0).sum(1) == 1).sum())
    _, html = section(**arrays)
    assert 0 < one < 60 and f"t-SNE of all {one} test images" in html and f"leaves out {60 - one} images" in html
    assert "Confusion matrix" not in html and "The mean over 11 classes is 67.5%." in html
    bars = html[html.index("Average precision of each class") :]
    assert bars.count("<rect") == 11 and bars.index("<title>0: 40.0 %") < bars.index("<title>odd: 95.0 %")
    named = {", ".join(arrays["class_names"][labels > 0]) for labels in arrays["mistake_labels"]}
    assert len(named) > 1 and all(f"{words}<br>" in html for words in named)


def test_of_many_label_sets_the_lowest_are_shown(section):
    names = np.array([f"class {number}" for number in range(30)])
    sets = np.eye(30)[np.arange(60) % 30]
    precisions = np.linspace(0.9, 0.1, 30)
    _, html = section(**{**label_sets(60), "labels": sets, "class_names": names, "average_precisions": precisions,
                         "mistakes": np.zeros((0, 8, 8, 1))})  # fmt: skip
    assert "below are the 20 lowest" in html and "class 29: 10.0 %" in html and "class 9: " not in html


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"without": ("average_precisions",)}, "no average_precisions: no projection"),
        ({"average_precisions": np.full(12, np.nan)}, "No test image has a label"),
    ],
)
def test_what_is_missing_of_label_sets_is_said(section, changes, sentence):
    assert sentence in section(**{**label_sets(60), **changes})[1]
