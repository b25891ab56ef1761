"""Two runs are compared on the same images, by pairs."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from supcon_tf.config import Data
from supcon_tf.run.comparing import compare_runs


@pytest.mark.slow
def test_two_runs_are_compared_by_pairs(trained_run, tmp_path):
    """Of a run with itself nothing differs; of one whose answers are shifted, every image that was right."""
    run, other = (shutil.copytree(trained_run, tmp_path / name) for name in ("run", "other"))
    difference, test = compare_runs(run, other)
    assert difference[:4] == (0, 0, 0, 539) and test == (1.0, 0, 0)
    path = next((other / "predictions").glob("*.npz"))
    with np.load(path) as kept:
        arrays = {**kept, "logits": np.roll(kept["logits"], 1, axis=1)}
        right = int((kept["logits"].argmax(1) == kept["labels"]).sum())
        wrong = int((arrays["logits"].argmax(1) == arrays["labels"]).sum())
    np.savez(path, **arrays)
    difference, test = compare_runs(run, other)
    assert (test.only_first, test.only_second) == (right, wrong)
    assert difference.value == pytest.approx((right - wrong) / 539) and difference.low < difference.value
    shutil.rmtree(other / "checkpoints" / "linear")
    with pytest.raises(ValueError, match="has no classifier"):
        compare_runs(run, other)


@pytest.mark.slow
def test_answers_to_other_images_are_not_compared(trained_run, tmp_path):
    run, other = (shutil.copytree(trained_run, tmp_path / name) for name in ("run", "other"))
    for directory, part in ((run, ":200"), (other, "200:400")):  # equally many, others
        config = directory / "config.json"
        config.write_text(config.read_text().replace('"test_split": ""', f'"test_split": "test[{part}]"'))
    with pytest.raises(ValueError, match="answer other test images; give both the same"):
        compare_runs(run, other)
    assert compare_runs(run, other, data=Data(name="digits"))[0].n == 539
