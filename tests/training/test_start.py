"""A start near collapse is said once, with what to do; a start that is spread is not."""

from __future__ import annotations

import pytest

from supcon_tf.training.start import StartWatch

NEAR = {"negative_similarity_p50": 0.95, "effective_rank": 1.2}
SPREAD = {"negative_similarity_p50": -0.02, "effective_rank": 16.0}


def said(*records, last_batch_norm=False, stage="contrastive"):
    watch = StartWatch(width=128, last_batch_norm=last_batch_norm, stage=stage)
    return [watch.read({"loss": 0.56, **record}) for record in records]


def test_a_start_near_collapse_is_said_once_at_the_first_look():
    first, second, third, last = said({}, NEAR, NEAR, NEAR)
    assert (first, third, last) == ("", "", "") and "\n" not in second
    assert "median similarity of 0.950 (effective rank 1.2 of 128)" in second
    assert "projection.last_batch_norm=true" in second


def test_a_start_that_is_spread_is_not_and_later_looks_are_others_business():
    assert said(SPREAD, NEAR, NEAR) == ["", "", ""]


def test_where_the_head_ends_in_batch_norm_the_rate_is_named():
    (text,) = said(NEAR, last_batch_norm=True, stage="joint")
    assert "a lower joint.base_learning_rate" in text and "last_batch_norm" not in text


@pytest.mark.parametrize("similarity, expected", [(0.89, False), (0.9, True)])
def test_near_is_a_median_of_nine_tenths(similarity, expected):
    assert bool(said({**NEAR, "negative_similarity_p50": similarity})[0]) == expected
