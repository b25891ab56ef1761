"""What a run leaves of the process that called it: everything as it was, however the run ends."""

from __future__ import annotations

import contextlib
import html
import logging
import os
import random
import signal
import sys
import warnings

import numpy as np
import pytest
import sklearn  # noqa: F401  sets variables of the environment as it is imported, whoever does
import tensorflow as tf
import tqdm.notebook

from supcon_tf.config import Data, Experiment, Stage
from supcon_tf.optim.gradient_norm import GradientNorm
from supcon_tf.run.experiment import run_experiment
from supcon_tf.training.interruption import SIGNALS
from supcon_tf.training.reporting import Reporter
from tests import kernels, tiny

STAGE = Stage(epochs=1, batch_size=20, base_learning_rate=1.0)
EXPERIMENT = Experiment(
    name="tests.guest", seed=7, precision="mixed_bfloat16", data=Data(name="digits", examples=40), contrastive=STAGE,
    linear=STAGE,
)  # fmt: skip


def tiny_networks(encoder, projection, *, cross_replica_batch_norm, **_):
    return tiny.tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm, classes=10)


def run(directory):
    return run_experiment(EXPERIMENT, directory, write_report=False, make_networks=tiny_networks)


def surroundings():
    """Of the process: precision, random state, signal handlers, warnings, logging, environment, output, figures."""
    return {
        "policy": tf.keras.mixed_precision.global_policy().name,
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "handlers": [signal.getsignal(number) for number in SIGNALS],
        "warnings": list(warnings.filters),
        "logging": (logging.root.level, list(logging.root.handlers), tf.get_logger().level),
        "environment": dict(os.environ),
        "output": (sys.stdout, sys.stderr, sys.displayhook, sys.excepthook),
        "numbers": (np.geterr(), np.get_printoptions(), tf.keras.backend.floatx()),
        "graphs": (tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit()),
        "pyplot": "matplotlib.pyplot" in sys.modules,
    }


@contextlib.contextmanager
def bare_logging():
    """A program that has not set up logging: pytest has, and absl does where nobody has."""
    before = list(logging.root.handlers)
    logging.root.handlers.clear()
    try:
        yield
    finally:
        logging.root.handlers[:] = before


@pytest.mark.slow
def test_everything_is_as_it_was(tmp_path):
    """A model that the caller made before goes on as if nothing had run, in names and numbers."""
    tf.keras.utils.set_random_seed(3)
    model = tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)])
    before, answer = surroundings(), model(tf.ones([1, 4])).numpy()
    draws = float(tf.random.uniform([]))
    tf.keras.utils.set_random_seed(3)
    tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)])
    with bare_logging():
        bare = surroundings()
        run(tmp_path)
        assert surroundings() == bare and bare["logging"][1] == []
    assert surroundings() == before
    assert float(tf.random.uniform([])) == draws
    np.testing.assert_array_equal(model(tf.ones([1, 4])), answer)
    assert tf.keras.layers.Dense(1).compute_dtype == "float32"


@pytest.mark.slow
def test_a_notebook_shows_the_run_and_is_left_as_it_was(tmp_path, monkeypatch, capfd):
    """A bar a stage in text, for here are no widgets, and the page of the run, replaced where it stands."""
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)
    cell = kernels.start(monkeypatch)
    before = surroundings()
    run_experiment(EXPERIMENT, tmp_path, make_networks=tiny_networks)
    assert surroundings() == before
    (shown,) = cell.outputs
    assert html.escape((tmp_path / "report.html").read_text(encoding="utf-8")) in shown
    said = capfd.readouterr().err
    assert all(f"tests.guest {stage}: 100%" in said for stage in ("contrastive", "linear"))


def test_also_where_it_fails(tmp_path, monkeypatch):
    before = surroundings()
    monkeypatch.setattr(Reporter, "advance", lambda *_: (_ for _ in ()).throw(FloatingPointError("diverged")))
    with pytest.raises(FloatingPointError):
        run(tmp_path)
    assert surroundings() == before


@pytest.mark.slow
def test_what_ran_before_changes_no_number(tmp_path):
    first = run(tmp_path / "first")
    tf.keras.utils.set_random_seed(99)
    tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)])
    assert run(tmp_path / "second")["test_accuracy"] == first["test_accuracy"]
    one, other = (np.load(tmp_path / name / "evaluation.npz")["embeddings"] for name in ("first", "second"))
    np.testing.assert_array_equal(one, other)


@pytest.fixture
def patient():
    """A handler of SIGTERM that notes the signal and goes on, as schedulers and notebooks have them."""
    heard, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_stage_that_was_asked_to_stop_is_not_done_where_a_handler_goes_on(step, tmp_path, monkeypatch, patient):
    """Within the first stage, at its end, within the second: nothing is complete, and the same call continues."""
    whole, count, advance = run(tmp_path / "whole"), [0], Reporter.advance

    def interrupt(reporter, steps=1):
        advance(reporter, steps)
        count[0] += steps
        if count[0] == step:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "advance", interrupt)
        with pytest.raises(
            InterruptedError, match=rf"asked to stop by SIGTERM .* step {(step - 1) % 2 + 1}, which is sav"
        ):
            run(tmp_path / "cut")
    assert patient == [signal.SIGTERM] and not (tmp_path / "cut" / "summary.json").exists()
    assert run(tmp_path / "cut")["test_accuracy"] == whole["test_accuracy"]


def test_an_optimizer_that_was_measured_keeps_its_methods(two_replicas):
    with two_replicas.scope():
        weight, optimizer = tf.Variable([1.0]), tf.keras.optimizers.SGD(0.1)
        optimizer.build([weight])
    before = set(vars(optimizer))
    norm = GradientNorm(optimizer, 2)
    two_replicas.run(tf.function(lambda: norm.apply([tf.ones([1])], [weight])))
    assert not {name for name in set(vars(optimizer)) - before if "gradients" in name}
