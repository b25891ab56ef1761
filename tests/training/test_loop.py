"""Epochs in steps, and the check that stops a run that has diverged."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.training.loop import Duration, check_finite, mean_metrics


def test_every_epoch_has_shown_every_image_that_often():
    duration = Duration(epochs=3, examples=10, batch_size=4)
    assert [duration.steps(epoch) for epoch in range(4)] == [0, 3, 5, 8]
    assert duration.total_steps == 8 and 8 * 4 >= 3 * 10


@pytest.mark.parametrize("step, epochs", [(0, 0), (2, 0), (3, 1), (4, 1), (5, 2), (8, 3)])
def test_complete_epochs_after_a_step(step, epochs):
    assert Duration(epochs=3, examples=10, batch_size=4).epochs_done(step) == epochs


def test_a_batch_larger_than_the_data_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"batch of 16 images is larger than the 10 .* batch_size to at most 10"):
        Duration(epochs=1, examples=10, batch_size=16)


def test_metrics_are_means_over_steps():
    assert mean_metrics([{"loss": np.float32(1)}, {"loss": np.float32(2)}]) == {"loss": 1.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_step_and_advice(value):
    with pytest.raises(FloatingPointError, match=r"loss became (nan|inf) .* step 12; .* base_learning_rate"):
        check_finite({"loss": value}, 12)
    check_finite({"loss": 1.0}, 12)
