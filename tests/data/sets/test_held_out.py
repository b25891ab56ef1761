"""Training images that take the place of the test images: two parts of the whole, and the test is never read."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.data.sets.held_out import HeldOut
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import held_out_numbers, selected
from tests.data import image_folder
from tests.data.conftest import TRAIN


def values(source, split):
    """The number that every pixel of an image has, as the stream gives them and as `fetch` does."""
    streamed = [int(source.decode(image).numpy().max()) for image, _ in source.stream(split)]
    fetch = source.fetch(split)
    if fetch is not None:
        assert [int(fetch(number)[0].numpy().max()) for number in range(source.count(split))] == streamed
        assert [int(fetch(number)[1]) for number in range(source.count(split))] == source.labels(split).tolist()
    return streamed


@pytest.mark.parametrize("limit", [0, 2**32])
@pytest.mark.parametrize("name", ["numbered_grey", "numbered_photos"])
def test_both_parts_are_the_training_images(numbered_dir, monkeypatch, name, limit):
    monkeypatch.setattr("supcon_tf.data.sets.source.MEMORY_LIMIT", limit)
    source = selected(load_source(name, numbered_dir), held_out=0.2, seed=3)
    held = held_out_numbers(TRAIN, 0.2, 3)
    assert len(held) == 8 and values(source, "test") == held.tolist()  # image n has the value n
    assert values(source, "train") == [n for n in range(TRAIN) if n not in held]
    assert source.facts.train_examples == 32 and source.facts.test_examples == 8
    assert source.facts.test_split == "8 held out of the training images"
    np.testing.assert_array_equal(source.labels("test"), held % 4)


def test_the_seed_decides_and_other_choices_are_among_the_rest(numbered_dir):
    whole = load_source("numbered_grey", numbered_dir)
    one, same, other = (selected(whole, held_out=0.2, seed=seed) for seed in (1, 1, 2))
    assert values(one, "test") == values(same, "test") != values(other, "test")
    few = selected(whole, held_out=0.2, examples=5, label_noise=1.0, seed=1)
    assert values(few, "train") == values(one, "train")[:5] and values(few, "test") == values(one, "test")
    np.testing.assert_array_equal(few.labels("test"), one.labels("test"))  # noise is of what is trained on
    assert (few.labels("train") != one.labels("train")[:5]).any()
    assert few.whitened_by((0.1,), (0.2,)).facts.mean == (0.1,)
    # The first of them, so that a change of rule or of NumPy cannot pass unseen.
    assert held_out_numbers(1000, 0.2, 0)[:5].tolist() == FIRST


FIRST = [3, 4, 11, 13, 14]


def test_label_sets_and_files_keep_their_names(numbered_dir, tmp_path):
    sets = selected(load_source("numbered_sets", numbered_dir), held_out=0.25)
    assert sets.labels("test").shape == (10, 4) and sets.facts.label_sets
    for label in ("a", "b"):
        image_folder.write_plain(tmp_path / "set" / "train" / label, 5, first=10)
        image_folder.write_plain(tmp_path / "set" / "test" / label, 2, first=50)
    folder = load_source(f"folder:{tmp_path / 'set'}", str(tmp_path))
    part = selected(folder, held_out=0.2)
    named = part.file_names("train") + part.file_names("test")
    assert sorted(named) == sorted(folder.file_names("train")) and part.fingerprint() == folder.fingerprint()
    assert max(values(part, "test")) < 50  # none of the test images


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_both_parts_need_images(numbered_dir, share):
    whole = load_source("numbered_grey", numbered_dir)
    with pytest.raises(ValueError, match="must leave images on both sides; of the 40 training images"):
        HeldOut(whole, held_out_numbers(TRAIN, share, 0))
