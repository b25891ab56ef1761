"""The input benchmark: both sides make the same batches, and the table says what the records say."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmarks.input import case, peer, plan
from supcon_tf.augment.operations import OPERATIONS


def test_the_plan_has_every_policy_of_both_kinds_of_images():
    planned, text = plan.run(quick=False, dry_run=True)
    assert {(case["images"], case["policy"]) for case in planned} >= {
        (images, policy) for images in ("jpeg", "memory") for policy in plan.POLICIES
    }
    assert len(text.splitlines()) == len(planned) > len(plan.cases(quick=True))


@pytest.mark.parametrize("policy", plan.POLICIES)
def test_pillow_makes_views_of_every_policy(policy):
    random, image = np.random.default_rng(0), Image.fromarray(case.arrays()[0])
    for _ in range(12):
        view = peer.view(image, random, policy=policy, size=16, **plan.SETTINGS["jpeg"])
        assert view.shape == (16, 16, 3) and view.dtype == np.float32 and 0 <= view.min() <= view.max() <= 1


def test_pillow_knows_every_operation():
    image = Image.fromarray(case.arrays()[0])
    for name in OPERATIONS:
        assert peer.operate(image, name, 7.0, np.random.default_rng(0)).size == (32, 32)


def test_both_sides_make_batches_of_one_shape():
    parameters = plan.SETTINGS["memory"]
    for make in (case.ours, case.pillow):
        batch = np.asarray(next(make("memory", "crop_flip", parameters)))
        assert batch.shape == (case.BATCH, 2, 32, 32, 3) and batch.dtype == np.float32
        assert np.abs(batch).max() < 3 and batch.std() > 0.3  # whitened


def test_the_table_adds_up_stages():
    def record(stage, ours, pillow, **more):
        speeds = {"images_per_second": ours, "pillow_images_per_second": pillow, "ratio": ours / pillow}
        return {"images": "jpeg", "policy": "sim_augment", "stage": stage, **speeds, **more}

    failed = {"images": "memory", "policy": "none", "failed": "no memory"}
    lines = plan.table([record("whole", 300, 100), record("decode", 1000, 500), record("blur", 500, 200), failed])
    lines = lines.splitlines()
    assert lines[1].split()[-3:] == ["300", "100", "3.00"]
    assert lines[2].split()[-2:] == ["1000", "2000"] and lines[3].split()[-2:] == ["1000", "3000"]
    assert "failed: no memory" in lines[4]
