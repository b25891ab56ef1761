"""Epochs in steps."""

from __future__ import annotations

import pytest

from supcon_tf.training.duration import Duration


def test_every_epoch_has_shown_every_image_that_often():
    duration = Duration(epochs=3, examples=10, batch_size=4)
    assert [duration.steps(epoch) for epoch in range(4)] == [0, 3, 5, 8]
    assert duration.total_steps == 8 and 8 * 4 >= 3 * 10


def test_a_batch_larger_than_the_data_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"batch of 16 images is larger than the 10 .* batch_size to at most 10"):
        Duration(epochs=1, examples=10, batch_size=16)


def test_steps_of_whole_epochs_are_not_rounded_up():
    """7 epochs of 30 images in batches of 21 are 10 steps; 7 times the float 30 / 21 is a little more than 10."""
    assert Duration(epochs=7, examples=30, batch_size=21).total_steps == 10
