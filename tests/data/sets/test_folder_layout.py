"""What a folder means: any usual layout is understood, nothing is left out unsaid, and doubt is refused."""

from __future__ import annotations

import unicodedata

import pytest

from supcon_tf.data.sets import folder_layout
from tests.data import image_folder
from tests.test_paths import LATIN


def layout(root, *places, images=5):
    """The layout of a folder with so many images in each of these places."""
    for place in places:
        image_folder.write_plain(root / place, images)
    return folder_layout.read(str(root))


def counts(found):
    return {split: {name: len(images) for name, images in classes.items()} for split, classes in found.splits.items()}


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING", "training_set", "train-images"])
@pytest.mark.parametrize("test", ["test", "Testing", "val", "VALID", "Validation", "valid_data"])
def test_the_usual_names_of_splits_are_known_in_any_case(train, test, tmp_path):
    found = layout(tmp_path, f"{train}/a", f"{train}/b", f"{test}/a")
    assert counts(found) == {"train": {"a": 5, "b": 5}, "test": {"a": 5}}
    assert found.test_split == test and found.labelled and not found.left_out and not found.notes


def test_a_test_split_goes_before_a_validation_split_which_is_said_to_be_left_out(tmp_path):
    found = layout(tmp_path, "train/a", "test/a", "val/a", "val/b")
    assert found.test_split == "test" and found.left_out == "the folder val (10 images)"


def test_a_test_without_class_folders_gives_way_to_a_validation_with_them(tmp_path):
    found = layout(tmp_path, "train/a", "test", "val/a")
    assert found.test_split == "val" and found.left_out == "the folder test (5 images)"
    without = layout(tmp_path / "other", "train/a", "test")
    assert without.test_split == "" and "test" not in without.splits and "the folder test" in without.left_out


def test_without_splits_every_fifth_image_of_a_class_is_held_out(tmp_path):
    found = layout(tmp_path, "b", "a", "c", images=11)
    assert counts(found) == {"train": dict.fromkeys("abc", 9), "test": dict.fromkeys("abc", 2)}
    assert found.splits["test"]["a"] == ["a/004.png", "a/009.png"] and found.test_split == "every 5th image"


def test_a_whole_folder_is_all_to_evaluate_on_whatever_its_classes_are_called(tmp_path):
    for place in ("train", "trout", "test/below"):  # CIFAR-100 has a class of trains
        image_folder.write_plain(tmp_path / place, 6)
    (tmp_path / "notes.txt").write_text("x")
    found = folder_layout.read_whole(str(tmp_path))
    assert (
        counts(found)["test"] == {"test": 6, "train": 6, "trout": 6} and found.splits["train"] == found.splits["test"]
    )
    assert found.left_out == "1 file of other kinds (.txt 1)" and found.labelled
    with pytest.raises(ValueError, match="has images and no folders of classes"):
        folder_layout.read_whole(str(tmp_path / "trout"))
    with pytest.raises(ValueError, match="There is no folder"):
        folder_layout.read_whole(str(tmp_path / "nowhere"))


def test_images_without_folders_are_unlabelled(tmp_path):
    found = layout(tmp_path, ".")
    assert counts(found) == {"train": {"unlabelled": 4}, "test": {"unlabelled": 1}} and not found.labelled
    split = layout(tmp_path / "split", "train", "test")
    assert counts(split) == {"train": {"unlabelled": 5}, "test": {"unlabelled": 5}} and not split.labelled


def test_unlabelled_images_may_be_tested_on_labelled_ones_without_their_labels(tmp_path):
    found = layout(tmp_path, "train", "test/a", "test/b")
    assert counts(found)["test"] == {"unlabelled": 10} and not found.labelled


def test_folders_without_images_do_not_make_classes_of_unlabelled_images(tmp_path):
    image_folder.write_plain(tmp_path / "notes", 0)
    found = layout(tmp_path, ".")
    assert not found.labelled and found.left_out == "the folder notes (0 images)"


def test_one_class_folder_stays_one_class(tmp_path):
    found = layout(tmp_path, "only")
    assert found.labelled and counts(found)["train"] == {"only": 4}


def test_images_in_sub_folders_are_of_the_class_above_which_is_said(tmp_path):
    found = layout(tmp_path, "a", "a/x", "a/y/z", "b")
    assert counts(found)["train"] == {"a": 12, "b": 4}
    assert found.notes == ("images in sub-folders are of the class of the folder above, as in a",)


def test_two_spellings_of_a_name_are_one_class_which_is_said(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Äpfel") for form in ("NFC", "NFD"))
    found = layout(tmp_path, f"train/{composed}", f"train/{decomposed}", "train/b", f"test/{decomposed}")
    assert counts(found) == {"train": {"b": 5, composed: 10}, "test": {composed: 5}}
    assert found.notes == (f"{composed} is there in 2 spellings of Unicode, which are one class",)


def test_names_that_are_no_utf8_are_classes_in_their_order(tmp_path):
    assert list(layout(tmp_path, LATIN, "b", "d").splits["train"]) == ["b", LATIN, "d"]


def test_everything_that_is_left_out_is_counted_in_a_line(tmp_path):
    image_folder.write_plain(tmp_path / "train", 3)
    image_folder.write_plain(tmp_path / "annotations", 0)
    for name in ("readme.txt", "train/a.heic", "train/b.HEIC", "loose.jpg", ".DS_Store", "annotations/x.xml"):
        (tmp_path / name).write_text("")
    found = layout(tmp_path, "train/a", "test/a")
    assert found.left_out == (
        "4 files of other kinds (.heic 2, .txt 1, .xml 1), 1 hidden file, 4 images outside the class folders, "
        "the folder annotations (0 images)"
    )
    assert "\n" not in found.left_out


@pytest.mark.parametrize(
    "places, message",
    [
        (["train/a", "b", "c"], r"has train, and images in folders beside:\n  b\n  c\n"),
        (["cat", "dog", "Test"], r"has Test, and images in folders beside:\n  cat\n  dog\n"),
        (["train", "bus", "car"], r"has train, and images in folders beside:\n  bus\n  car\n"),
        (["test/a", "val/a"], r"has test, val, but no folder `train`"),
        (["train/a", "Train/a"], r"has several folders for one split: Train, train"),
        (["train/a", "val/a", "valid/a"], r"has several folders for one split: val, valid"),
        (["bottle/train/good", "bottle/test/good", "cable/train/good"], "has splits within bottle, where a class was"),
        (["photos/train/a", "photos/val/a"], "has splits within photos"),
    ],
)
def test_what_can_be_understood_in_two_ways_is_refused_with_the_layouts_that_are_accepted(places, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        layout(tmp_path, *places)
    assert "can be understood in more than one way" in str(error.value)
    assert "FOLDER/train/CLASS/*" in str(error.value) and ".webp" in str(error.value)


@pytest.mark.parametrize(
    "folders, message",
    [
        ([], "has no class sub-folders and no images"),
        (["train"], "has no class sub-folders and no images"),
        (["train/full", "train/empty"], r"no image to train on in\n  empty"),
        (["full", "empty"], r"no image to train on in\n  empty"),
        (["train/full", "test/other"], r"classes in the test that are not in train:\n  other"),
    ],
)
def test_folders_that_are_no_data_set_are_refused(folders, message, tmp_path):
    for folder in folders:
        image_folder.write_plain(tmp_path / folder, 0 if folder in ("train", "train/empty", "empty") else 2)
    with pytest.raises(ValueError, match=message):
        folder_layout.read(str(tmp_path))


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere; `data.name=folder:PATH`"):
        folder_layout.read(str(tmp_path / "nowhere"))
