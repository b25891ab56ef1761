"""Sums of an epoch, and what is said of the first step that is not finite."""

from __future__ import annotations

import json
import math

import pytest
import tensorflow as tf

from supcon_tf.training.tally import add, begin, check, check_weights, means, saved_form
from supcon_tf.training.update import SQUARES


class STEP:
    """An update, as far as a tally knows it."""

    metrics = ("loss", "train_accuracy")
    gradients = tuple(f"encoder layer{number}/kernel" for number in range(6))


def after(*losses, tally=None, squares=(1.0,) * 6, patience=1, first=1):
    tally = tally or begin(STEP, {})
    for number, loss in enumerate(losses, first):
        found = {
            "loss": tf.constant(loss),
            "train_accuracy": tf.constant(0.5),
            SQUARES: tf.constant(squares),
            "input_seconds": tf.constant(0.25),
        }
        tally = add(tally, found, tf.constant(number, tf.int64), checked=STEP.metrics, patience=patience)
    return tally


def test_metrics_are_means_over_steps():
    assert means(after(1.0, 2.0, 6.0)) == {"loss": 3.0, "train_accuracy": 0.5, "input_seconds": 0.25}


def test_an_epoch_in_two_sessions_has_the_sums_of_one():
    """To the last bit: the sums of a float32 third are not round."""
    losses = [1 / 3, 0.1, 7e-5, 2 / 7]
    first = json.loads(json.dumps(saved_form(after(*losses[:2]))))
    assert means(after(*losses[2:], tally=begin(STEP, first))) == means(after(*losses))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_with_step_examples_and_advice(value):
    tally = after(1.0, 2.0, value, 4.0)  # of several steps in a call, the first counts
    with pytest.raises(FloatingPointError, match=rf"step 3, examples 512 to 767 .*: loss became {value}\. .*base_lear"):
        check(tally, STEP, batch_size=256, scales=False)


def test_finite_steps_pass():
    check(after(1.0, 2.0), STEP, batch_size=256, scales=False)
    check(begin(STEP, {}), STEP, batch_size=256, scales=False)


def test_gradients_are_named_and_those_beyond_four_counted():
    squares = (1.0, math.nan, math.inf, math.nan, math.nan, math.nan)
    with pytest.raises(FloatingPointError) as error:
        check(after(1.0, squares=squares), STEP, batch_size=256, scales=False)
    named = ", ".join(f"encoder layer{number}/kernel" for number in (1, 2, 3, 4))
    assert f"not finite are the gradients of {named} and 1 more." in str(error.value)
    assert "loss became" not in str(error.value)


def test_loss_scaling_may_leave_out_steps_but_not_many_in_a_row():
    tally = after(1.0, math.inf, math.inf, 3.0, math.inf, math.inf, patience=3)
    check(tally, STEP, batch_size=256, scales=True)
    assert means(tally)["loss"] == 2.0 and int(tally.skipped) == 4
    begun = begin(STEP, saved_form(tally))  # the row goes on in another session
    with pytest.raises(FloatingPointError, match=r"step 7, .*the last of 3 in a row that loss scaling left out: loss"):
        check(after(math.nan, tally=begun, patience=3, first=7), STEP, batch_size=256, scales=True)


def test_weights_that_are_not_finite_are_named(make_state, one_device):
    state = make_state(one_device)
    check_weights(state, 12)
    kernel = state.networks.classifier.weights[0]
    kernel.assign(tf.fill(kernel.shape, math.nan))
    with pytest.raises(FloatingPointError, match=r"by step 12: not finite are the weights classifier .*kernel\."):
        check_weights(state, 12)
