"""A source of arrays gives what it was handed, by number and as a stream."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.data.sets.arrays import Arrays

IMAGES = np.random.default_rng(0).integers(0, 256, [7, 6, 5, 3], np.uint8)
LABELS = np.array([2, 0, 1, 1, 0, 2, 2])
NAMES = ["a", "b", "c"]


def source(images=IMAGES, labels=LABELS):
    return Arrays("mine", images, labels, NAMES)


def test_by_number_and_as_a_stream():
    found = source()
    fetch = found.fetch("test")
    for number in range(7):
        image, label = fetch(number)
        np.testing.assert_array_equal(image, IMAGES[number])
        assert label == LABELS[number]
    streamed = [(found.decode(content).numpy(), int(label)) for content, label in found.stream("test", 2, 5)]
    np.testing.assert_array_equal([image for image, _ in streamed], IMAGES[2:5])
    assert [label for _, label in streamed] == LABELS[2:5].tolist()
    assert found.facts.image_shape == (6, 5, 3) and found.facts.class_names == ("a", "b", "c")


def test_there_is_nothing_to_train_on():
    with pytest.raises(ValueError, match="'mine' has no split 'train'; it has 'test'"):
        source().fetch("train")


def test_other_pixels_and_other_labels_have_another_fingerprint():
    changed, turned = IMAGES.copy(), LABELS.copy()
    changed[0, 0, 0, 0] += 1
    turned[0] = 1
    prints = [source().fingerprint(), source(changed).fingerprint(), source(labels=turned).fingerprint()]
    assert len(set(prints)) == 3 and source(IMAGES.copy()).fingerprint() == prints[0]


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (IMAGES.astype(np.float32), LABELS, "must be uint8 images"),
        (IMAGES[0], LABELS, "must be uint8 images"),
        (IMAGES[..., :2], LABELS, "must be uint8 images"),
        (IMAGES[:0], LABELS[:0], "must be uint8 images"),
        (IMAGES, LABELS[:-1], "a label for each of its 7 images"),
        (IMAGES, LABELS / 2, "an integer from 0 to 2"),
        (IMAGES, LABELS + 1, "an integer from 0 to 2; got int64 of shape .7,., 0 to 3"),
        (IMAGES, LABELS - 1, "an integer from 0 to 2"),
    ],
)
def test_what_means_nothing_is_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        source(images, labels)
