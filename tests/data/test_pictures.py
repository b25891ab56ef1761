"""Pictures are the stored images; a preview is what augmentation makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.augment.policies import policy
from supcon_tf.augment.views import several
from supcon_tf.data.pictures import pictures, preview
from supcon_tf.data.sets.load import load_source

CROP = evaluation_crop(size=8)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return load_source("digits", str(tmp_path_factory.mktemp("data")))


def test_pictures_are_the_stored_images_of_these_numbers(source):
    stored, _ = source.arrays("test")
    got = pictures(source, "test", [0, 3, 8], crop=CROP)
    np.testing.assert_allclose(got, stored[[0, 3, 8]] / 255, atol=1e-6)


def test_no_numbers_give_no_pictures(source):
    assert len(pictures(source, "test", [], crop=CROP)) == 0


def test_a_preview_has_v_different_views_of_each_image_in_range(source):
    shown = preview(source, 3, views=several(policy("crop_flip", size=8, crop_area=(0.3, 0.6), flip=False)), seed=0)
    assert shown.shape == (3, 2, 8, 8, 1) and shown.min() >= 0 and shown.max() <= 1
    assert all(np.abs(image[0] - image[1]).max() > 0.05 for image in shown)


def test_without_augmentation_a_preview_is_the_image(source):
    shown = preview(source, 2, views=several(policy("none", size=8)), seed=0)
    for view in (0, 1):
        np.testing.assert_allclose(shown[:, view], pictures(source, "train", [0, 1], crop=CROP), atol=1e-6)
