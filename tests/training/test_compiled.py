"""The update of all replicas as a graph: steps are counted, waiting for input is measured, XLA has its limits."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.training.compiled import Updates, compile_update
from supcon_tf.training.tally import begin, means
from tests.training import stages

ROOT = pathlib.Path(__file__).parents[2]


def test_xla_on_several_replicas_is_refused(two_replicas, make_state):
    state = make_state(two_replicas)
    with pytest.raises(ValueError, match="`jit_compile` cannot be on for 2 replicas"):
        compile_update(stages.make_update(state), state, two_replicas, jit_compile=True)


def test_several_updates_are_as_many_of_one(one_device, make_state, batch):
    ends = []
    for at_once in (False, True):
        state = make_state(one_device)
        update = stages.make_update(state)
        updates, tally = Updates(update, state, one_device), begin(update, {})
        stream = iter(tf.data.Dataset.from_tensors(batch).repeat())
        if at_once:
            tally = updates.several(stream, tf.constant(3), tally)
        else:
            for _ in range(3):
                tally, compared = updates.one(stream, tally)
            assert compared[0].shape == (8, 2, 8)
        assert int(state.step.numpy()) == 3 and int(tally.steps) == 3
        ends.append(means(tally))
    assert ends[1]["loss"] == pytest.approx(ends[0]["loss"], rel=1e-6)


def test_waiting_for_batches_is_measured(one_device, make_state, batch, monkeypatch):
    """By a clock that a stream puts forward, by 50 ms for a batch, and nothing else does."""
    clock = [0.0]

    def advance():
        clock[0] += 0.05

    @tf.autograph.experimental.do_not_convert
    def timestamp():
        return tf.ensure_shape(tf.py_function(lambda: np.float64(clock[0]), [], tf.float64), [])

    def slow(images, labels):
        with tf.control_dependencies([tf.py_function(advance, [], [])]):
            return tf.identity(images), labels

    monkeypatch.setattr(tf, "timestamp", timestamp)
    state = make_state(one_device)
    update = stages.make_update(state)
    updates, stream = Updates(update, state, one_device), tf.data.Dataset.from_tensors(batch).repeat()
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # else a batch is made while nobody waits for it
    tally = updates.several(iter(stream.map(slow).with_options(options)), tf.constant(4), begin(update, {}))
    assert clock[0] == pytest.approx(0.2) and means(tally)["input_seconds"] == pytest.approx(0.05)
    tally = updates.several(iter(stream), tf.constant(4), begin(update, {}))
    assert means(tally)["input_seconds"] == 0.0


CLOCK = """
import sys, time
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.threading.set_intra_op_parallelism_threads(1)
from supcon_tf.training import compiled

def unordered(stream, ready):  # the control: nothing keeps the step behind the second time
    with tf.control_dependencies(list(ready)):
        begin = tf.timestamp()
    with tf.control_dependencies([begin]):
        batch = next(stream)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, tf.cast(tf.timestamp() - begin, tf.float32)

timed = unordered if sys.argv[1] == "control" else compiled._timed_next
stream = iter(tf.data.Dataset.from_tensors(tf.ones([700, 700])).repeat())

@tf.function
def steps():
    total, waited = tf.constant(0.0), tf.constant(0.0)
    for _ in tf.range(10):
        matrix, seconds = timed(stream, [total])
        parts = [tf.reduce_sum(tf.linalg.matmul(matrix + float(n), matrix)) for n in range(12)]
        total, waited = tf.add_n(parts), waited + seconds
    return total, waited

steps()
began = time.perf_counter()
waited = float(steps()[1])
print(waited / (time.perf_counter() - began))
"""


@pytest.mark.slow
def test_on_one_thread_the_step_is_no_waiting(tmp_path):
    """The share of the time that is called waiting, of steps that are nearly all computing."""
    program, shares = tmp_path / "clock.py", {}
    program.write_text(CLOCK)  # a loop of the graph is made from its source
    for which in ("ordered", "control"):
        command, environment = [sys.executable, str(program), which], {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        shares[which] = float(ended.stdout)
    assert shares["ordered"] < shares["control"] / 2, shares  # some 0.002 and 0.997 on a machine at rest


ONE_CORE = """
import os, pathlib, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before TensorFlow counts the cores
import numpy as np
import tensorflow as tf
from supcon_tf.names import STAGE_KINDS
from supcon_tf.records.directory import RunDirectory
from supcon_tf.training import compiled
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.duration import Duration
from supcon_tf.training.loop import train_stage
from supcon_tf.training.plan import Pace, StagePlan
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.state import StageState
from tests import tiny
from tests.training import stages

which, directory = sys.argv[1], pathlib.Path(sys.argv[2])

def unordered(stream, ready):  # the control: nothing keeps the step behind the second time
    with tf.control_dependencies(list(ready)):
        begin = tf.timestamp()
    with tf.control_dependencies([begin]):
        batch = next(stream)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, tf.cast(tf.timestamp() - begin, tf.float32)

def slow(*batch):
    with tf.control_dependencies([tf.py_function(lambda: time.sleep(0.3), [], [])]):
        return tf.nest.map_structure(tf.identity, batch)

def batches(done, context):
    views = 2 if which == "slow input" else 256  # many make the step slow
    images = np.random.default_rng(0).normal(size=(8, views, tiny.SIDE, tiny.SIDE, 1)).astype("f4")
    data = tf.data.Dataset.from_tensors((images, np.arange(8) % 3)).repeat()
    return data.map(slow) if which == "slow input" else data

if which == "control":
    compiled._timed_next = unordered
strategy, duration = tf.distribute.OneDeviceStrategy("CPU:0"), Duration(epochs=2, examples=64, batch_size=8)
with strategy.scope():
    networks = tiny.tiny_networks()
    state = StageState.create(networks, STAGE_KINDS["contrastive"].trains, tf.keras.optimizers.SGD(0.01))
train_stage(
    StagePlan(stages.make_update(state), state, batches, duration),
    strategy=strategy,
    checkpoints=StageCheckpoints(state, directory / "checkpoints"),
    reporter=Reporter(RunDirectory(directory), "contrastive", title="t", duration=duration, learning_rate=float),
    pace=Pace(steps_per_call=int(sys.argv[3])),
)
"""


@pytest.mark.slow
def test_on_one_core_a_record_tells_slow_input_from_a_slow_step(tmp_path):
    """`input_share` of the second epoch, the first has the tracing; the control calls the slow step waiting."""
    program, shares = tmp_path / "one_core.py", {}
    program.write_text(ONE_CORE)
    for which, at_once in (("slow input", 1), ("slow input", 4), ("slow step", 1), ("slow step", 4), ("control", 1)):
        directory = tmp_path / f"{which} {at_once}"
        command = [sys.executable, str(program), which, str(directory), str(at_once)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        assert ended.returncode == 0, ended.stderr
        shares[which, at_once] = json.loads((directory / "metrics.jsonl").read_text().splitlines()[-1])["input_share"]
    assert min(shares["slow input", count] for count in (1, 4)) > 0.5, shares
    assert max(shares["slow step", count] for count in (1, 4)) < 0.2, shares
    assert shares["control", 1] > 0.5, shares
