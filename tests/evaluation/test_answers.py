"""Answers become logits: softmax of these gives the probabilities again, and what is neither is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from supcon_tf.evaluation.answers import as_logits

LOGITS = np.random.default_rng(0).normal(0, 3, (20, 5))
CHANCES = scipy.special.softmax(LOGITS, 1)


def test_probabilities_come_back_from_their_logits():
    np.testing.assert_allclose(scipy.special.softmax(as_logits(CHANCES, "probabilities"), 1), CHANCES, rtol=1e-5)
    np.testing.assert_array_equal(as_logits(LOGITS, "logits"), LOGITS.astype(np.float32))
    half = as_logits(CHANCES.astype(np.float16), "probabilities")  # rounded, and yet probabilities
    np.testing.assert_allclose(scipy.special.softmax(half, 1), CHANCES, atol=1e-3)


def test_a_probability_of_zero_has_a_logit():
    (row,) = as_logits(np.array([[0.0, 1.0]]), "probabilities")
    np.testing.assert_allclose(row, [np.log(np.finfo(np.float32).tiny), 0])


def test_one_answer_is_that_of_the_second_of_two_classes():
    logits = LOGITS[:, :1]
    expected = 1 / (1 + np.exp(-logits[:, 0]))
    for answers, kind in ((logits, "logits"), (expected[:, None], "probabilities")):
        np.testing.assert_allclose(scipy.special.softmax(as_logits(answers, kind), 1)[:, 1], expected, rtol=1e-4)


def test_with_label_sets_each_answer_is_by_itself():
    chances = scipy.special.expit(LOGITS)
    np.testing.assert_allclose(as_logits(chances, "probabilities", label_sets=True), LOGITS, rtol=1e-2, atol=1e-4)
    assert as_logits(chances[:, :1], "probabilities", label_sets=True).shape == (20, 1)


@pytest.mark.parametrize(
    "answers, kind, sets, message",
    [
        (CHANCES, "logits", False, "sum to 1, as probabilities do. Say --model.output=probabilities"),
        (scipy.special.expit(LOGITS[:, :1]), "logits", False, "lie in 0..1, as probabilities do"),
        (scipy.special.expit(LOGITS), "logits", True, "lie in 0..1, as probabilities do"),
        (LOGITS, "probabilities", False, "must lie in 0..1 and sum to 1; the model gives -.*If these are logits"),
        (CHANCES / 2, "probabilities", False, "sums 0.5 to 0.5"),
        (CHANCES * np.array([1] * 19 + [1.1])[:, None], "probabilities", False, "sums 1 to 1.1"),
        (LOGITS, "probabilities", True, "must lie in 0..1; the model gives"),
        (np.full([2, 3], np.nan), "logits", False, "no finite numbers"),
    ],
)
def test_what_it_is_not_said_to_be_is_refused(answers, kind, sets, message):
    with pytest.raises(ValueError, match=message):
        as_logits(answers, kind, label_sets=sets)
