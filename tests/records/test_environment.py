"""The software that ran, and the memory of this process."""

from __future__ import annotations

import numpy as np
import pytest

import supcon_tf
from supcon_tf.records.environment import environment, memory, software


def test_the_environment_names_the_software_that_has_to_stay_the_same():
    facts = environment()
    assert facts["packages"]["tensorflow"].startswith("2.") and facts["cpus"] >= 1
    assert software(facts) == {
        "supcon_tf": supcon_tf.__version__,
        "tensorflow": facts["packages"]["tensorflow"],
        "keras": facts["packages"]["keras"],
    }
    assert software({"packages": ["tensorflow"]}) == {"supcon_tf": None, "tensorflow": None, "keras": None}


@pytest.mark.parametrize(
    "chosen, told", [("1", "on"), ("True", "on"), ("0", "off"), ("false", "off"), (None, "as TensorFlow chooses")]
)
def test_it_says_who_computes_on_the_cpu(chosen, told, monkeypatch):
    """The last digits hang on it."""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if chosen:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    assert environment()["onednn"] == told


def test_memory_is_of_this_process():
    before = memory()
    held = np.ones(20_000_000)  # 160 MB
    after = memory()
    assert after["memory_mb"] - before["memory_mb"] > 100 and after["memory_peak_mb"] >= after["memory_mb"] - 1
    del held
