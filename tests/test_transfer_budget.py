"""The grid and the steps of SimCLR's transfer experiments (arXiv:2002.05709, App. B.8.1)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from supcon_tf.transfer_budget import Budget


def test_the_grid_is_that_of_the_protocol():
    """7 rates from 0.0001 to 0.1 and 7 decays from 1e-6 to 1e-3, each a constant factor apart, and no decay."""
    budget = Budget()
    assert (budget.steps, budget.batch_size) == (20_000, 256)
    for values, ends in ((budget.rates, (1e-4, 0.1)), (budget.decays[:-1], (1e-6, 1e-3))):
        assert len(values) == 7 and (values[0], values[-1]) == ends
        np.testing.assert_allclose(np.diff(np.log(values)), np.log(10) / 2, rtol=5e-3)
    assert budget.decays[-1] == 0.0


@pytest.mark.parametrize("budget", [Budget(), Budget(steps=100, rates=(0.1,), flip=False)])
def test_a_budget_is_itself_again_after_a_file(budget):
    assert json.loads(json.dumps(budget.as_json())) == budget.as_json()
    assert (budget.as_json() == Budget().as_json()) == (budget == Budget())
