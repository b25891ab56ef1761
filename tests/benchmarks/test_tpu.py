"""The step compiles for TPUs: the plan, the stand-in for the replicas, and the compiler's word where there is one."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.tpu import cases, compiler, export, plan
from launch import catalogue
from supcon_tf.distribution import collectives
from tests.losses import problems

EXPERIMENT = catalogue.load("imagenet.supcon_resnet50")
ROOT = pathlib.Path(__file__).parents[2]
COMPILER = ROOT / ".venv-tpu" / "bin" / "python"
TINY = {
    "experiment": "imagenet.supcon_resnet50", "encoder": ["resnet18"], "width": 0.0625, "image_size": 32,
    "replicas": 4, "global_batch": 16,
    "precision": ["mixed_bfloat16"], "microbatches": ["1"], "loss": ["tiled"], "topology": ["v4", "v5e"],
}  # fmt: skip


def command_line(*words):
    command = [sys.executable, "-m", "launch.benchmark", "tpu", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_the_plan_is_printed_and_flags_change_it():
    ended = command_line("--experiment=imagenet.supcon_resnet101", "--topology=v5e", "--loss=tiled,dense", "--dry_run")
    planned = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [case["loss"] for case in planned] == ["tiled", "dense"], ended.stderr
    assert planned[0]["replica_batch"] == 32 and planned[0]["topology"] == "v5e" and planned[0]["width"] == 1.0
    assert planned[0]["encoder"] == "resnet101" and planned[0]["precision"] == "mixed_bfloat16"


@pytest.mark.parametrize("flag, message", [
    ("--topology=v9", "error: `topology` must be one of v4, v5e, v5p, v6e; got 'v9'."),
    ("--loss=tilde", "error: `loss` must be one of tiled, dense; got 'tilde'. Did you mean 'tiled'?"),
    ("--replicas=5", "`contrastive.batch_size` must be divisible by the 5 replicas; got 6144."),
    ("--replicas=0", "--replicas must be at least 1; got 0."),
    ("--microbatches=0", "`Train.microbatches` must be at least 1; got 0"),
    ("--microbatches=two", "must be integers of at least 1; got 'two'"),
    ("--precision=float61", "`Experiment.precision`"),
    ("--experiment=imagenet.cross_entropy_resnet50", "must have a contrastive stage, no queue, and a size of images"),
    ("--experiment=imagenet.supcon_memory_resnet50", "has stages contrastive, linear, queue.size="),
    ("--experiment=digits.supcon", "data.image_size=0."),
    ("--tpu_python=nowhere/python", "there is no 'nowhere/python': make it with `make tpu-env`"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(flag, message):
    ended = command_line(flag)
    assert ended.returncode == 2 and message in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_an_experiment_that_does_not_exist_is_named_with_those_that_do():
    ended = command_line("--experiment=imagenet.supcon_resnet5")
    assert ended.returncode == 2 and "Did you mean `imagenet.supcon_resnet50`?" in ended.stderr.splitlines()[0]


@pytest.mark.parametrize("refusal, needed", [
    ("the total memory required for HLO temporaries (18.87G) exceeds available HBM (15.25G). HLO", 18.87 * 2**30),
    ("Ran out of memory in memory space hbm. Used 512.5M of 15.75G hbm. Exceeded", 512.5 * 2**20),
    ("UNIMPLEMENTED: no such thing", None),
])  # fmt: skip
def test_what_a_refusal_says_of_memory(refusal, needed):
    assert compiler._needed(refusal) == ({} if needed is None else {"needed": int(needed)})


def test_a_python_without_the_compiler_is_named(monkeypatch):
    monkeypatch.setattr(export, "export", lambda *_, **__: None)
    with pytest.raises(ValueError, match=r"could not compile: .*'libtpu'.* `make tpu-env`"):
        plan.measure(EXPERIMENT, cases.cases(EXPERIMENT, TINY)[0], sys.executable)


def test_a_compilation_that_is_ended_from_outside_is_no_refusal(monkeypatch):
    monkeypatch.setattr(export, "export", lambda *_, **__: None)
    monkeypatch.setattr(plan.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -15, "", ""))
    with pytest.raises(ValueError, match="ended from outside by signal 15"):
        plan.measure(EXPERIMENT, cases.cases(EXPERIMENT, TINY)[0], sys.executable)


def test_a_search_halves_the_batch_until_it_fits(monkeypatch):
    def measure(_, case, __):
        images = case["replica_batch"]
        found = {"compiles": images <= 6, "hbm_there": 6 * 2**30, "hbm": {"needed": images * 2**30, "temporaries": 0}}
        return {**case, **found, "compile_seconds": 1.0, "flops": 1e12, "by": {"jax": "1", "libtpu": "2"}}

    monkeypatch.setattr(plan, "measure", measure)
    fields = {**TINY, "global_batch": 96, "topology": ["v4"]}
    records, text = plan.run(EXPERIMENT, fields, tpu_python=sys.executable, search=True)
    assert [record["replica_batch"] for record in records] == [24, 12, 6]
    assert "24 images a replica, on v4: does not fit: it needs 24.00 GiB of the 6.00 GiB there; 6 images fit." in text
    assert text.endswith("\ncompiled by jax 1, libtpu 2")
    records, text = plan.run(EXPERIMENT, fields, tpu_python=sys.executable)
    assert len(records) == 1 and "or --microbatches, or --search." in text


@pytest.mark.parametrize("loss", ["tiled", "dense"])
def test_the_stand_in_gives_the_loss_and_gradient_of_the_whole_batch(loss):
    """With what the others would send as inputs, the replica's share is that of all rows; so is its gradient, by tiles.

    Two images of eight are the replica's. What its keys send back for a row is log D_i and the incoming gradient.
    """
    labels = np.array([0, 1, 0, 1, 2, 2, 0, 1])
    z = tf.math.l2_normalize(tf.random.normal([8, 2, 128]), -1)
    value, gradient = value_and_gradient(labels, z)
    rows = tf.reshape(z, [16, 128])
    similarity = tf.linalg.set_diag(tf.matmul(rows, rows, transpose_b=True) / 0.1, tf.fill([16], -1e9))  # [N, N]
    numbers = tf.stack([tf.reduce_logsumexp(similarity, 1), tf.fill([16], 0.1 / 2)], 1)  # [N, 2]; 0.1 is tau / 1.0
    others = export.Others(4)
    others.received = [rows[4:], tf.constant(labels[2:]), numbers[4:]]
    with collectives.standing_in(others.with_this_one()):
        found, found_gradient = value_and_gradient(labels[:2], z[:2], tile_rows=export.TILE_ROWS[loss])
    np.testing.assert_allclose(found, value[:2], rtol=1e-5)
    if loss == "tiled":
        np.testing.assert_allclose(found_gradient, gradient[:2], atol=1e-5 * np.abs(gradient).max())
    alone, alone_gradient = value_and_gradient(labels[:2], z[:2])  # control: without the others both are different
    assert np.abs(alone - found).max() > 0.01 and np.abs(alone_gradient - found_gradient).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("change", [
    {"summation_location": "in"}, {"denominator_mode": "one_positive"}, {"use_labels": False},
], ids=str)  # fmt: skip
def test_the_step_of_any_loss_can_be_exported(change, tmp_path):
    (case,) = cases.cases(EXPERIMENT, {**TINY, "topology": ["v4"]})
    experiment = cases.changed(EXPERIMENT, case)
    loss = dataclasses.replace(experiment.loss, **change)
    export.export(tmp_path / "step.hlo", dataclasses.replace(experiment, loss=loss), replicas=4, loss="tiled")
    assert (tmp_path / "step.hlo").stat().st_size > 10_000


@pytest.mark.slow
def test_micro_batches_of_a_tpu_are_a_loop_of_the_program(tmp_path):
    """Each part anew in the program would take the compiler hours."""

    def size(parts):
        (case,) = cases.cases(EXPERIMENT, {**TINY, "global_batch": 32, "topology": ["v4"], "microbatches": [parts]})
        experiment = cases.changed(EXPERIMENT, case)
        export.export(tmp_path / parts, experiment, replicas=4, loss="tiled")
        return (tmp_path / parts).stat().st_size

    two, eight = size("2"), size("8")
    assert eight < 1.1 * two


def value_and_gradient(labels, z, **how):
    values, gradient = problems.value_and_gradient(labels, z, weigh=tf.identity, **how)
    return values.numpy(), gradient.numpy()


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER.exists(), reason="there is no TPU compiler: make tpu-env")
@pytest.mark.parametrize("change", [{}, {"loss": ["dense"]}, {"microbatches": ["2"]}], ids=str)
def test_the_step_compiles_for_tpus(change):
    records, text = plan.run(EXPERIMENT, {**TINY, **change}, tpu_python=str(COMPILER))
    assert [record["topology"] for record in records] == ["v4", "v5e"]
    for record in records:
        assert record["compiles"], record["refusal"]
        assert 2**20 < record["hbm"]["temporaries"] < record["hbm"]["needed"] < record["hbm_there"]
        assert record["flops"] > 0
    assert "resnet18 mixed_bfloat16" in text


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER.exists(), reason="there is no TPU compiler: make tpu-env")
def test_a_step_that_does_not_fit_is_refused_with_what_it_needs():
    """1,000 images a replica in two views of 256 by 256 pixels: the inputs are 1.5 GB, the first activations 8."""
    large = {"image_size": 256, "width": 1.0, "precision": ["float32"], "topology": ["v4"]}
    (record,), text = plan.run(EXPERIMENT, {**TINY, **large, "global_batch": 4000}, tpu_python=str(COMPILER))
    assert not record["compiles"] and record["hbm"]["needed"] > record["hbm_there"]
    assert "does not fit: it needs" in text
