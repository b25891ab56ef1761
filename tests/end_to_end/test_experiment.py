"""A whole run on the embedded digits: what it leaves behind, and that an interruption changes no bit of it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf import settings
from supcon_tf.config import Data, Encoder, Experiment, Knn, Projection, Stage
from supcon_tf.data.sets.load import load_source
from supcon_tf.networks.networks import build_networks
from supcon_tf.optim.optimizers import build_optimizer
from supcon_tf.run import experiment as run_module
from supcon_tf.run import recipe as stage_module
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.warm_start import load_encoder

OF_THE_MACHINE = re.compile("second|input_share|memory")  # figures of a record that no two runs have in common
ROOT = pathlib.Path(__file__).parents[2]
EXPERIMENT = Experiment(
    name="tests.tiny",
    data=Data(name="digits", examples=60),
    encoder=Encoder(name="resnet18", width=0.0625),
    projection=Projection(widths=(8,), last_batch_norm=True),
    knn=Knn(every=2, neighbours=5),
    contrastive=Stage(epochs=3, batch_size=20, base_learning_rate=1.0, warmup_epochs=1, weight_decay=1e-4),
    linear=Stage(epochs=2, batch_size=32, base_learning_rate=5.0),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run from start to end without interruption."""
    directory = tmp_path_factory.mktemp("finished")
    summary = run_module.run_experiment(EXPERIMENT, directory, command="python -m x")
    return directory, summary


def records(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_everything_in_its_directory(finished):
    directory, summary = finished
    expected = ["checkpoints", "config.json", "environment.json", "evaluation.npz", "metrics.jsonl", "report.html"]
    assert set(expected) <= {path.name for path in directory.iterdir()}
    assert json.loads((directory / "summary.json").read_text()) == summary
    assert summary["test_images"] == 539 and 0 <= summary["test_accuracy"] <= 1
    assert summary["command"] == "python -m x"
    assert {path.name for path in (directory / "checkpoints").iterdir()} == {"contrastive", "linear"}
    assert {path.name for path in (directory / "tensorboard").iterdir()} == {"contrastive", "linear"}


def test_every_file_of_a_run_is_documented(finished):
    page = (ROOT / "docs" / "reference" / "records.md").read_text(encoding="utf-8")
    made = {path.name for path in finished[0].iterdir()} - {"lock", "data"}
    assert {name for name in made if f"`{name}" not in page} == set()


def test_the_records_cover_every_epoch_of_every_stage(finished):
    lines = records(finished[0])
    assert [(line["stage"], line["epoch"], line["step"]) for line in lines] == [
        ("contrastive", 1, 3), ("contrastive", 2, 6), ("contrastive", 3, 9), ("linear", 1, 2), ("linear", 2, 4),
    ]  # fmt: skip
    assert lines[0]["plateau"] == pytest.approx(0.1 * np.log(2 * 20 - 1))
    assert "test_accuracy" in lines[-1] and "test_accuracy" not in lines[0]
    assert lines[-1]["test_accuracy"] == pytest.approx(finished[1]["test_accuracy"])


def test_the_encoder_is_used_elsewhere_by_what_the_run_says_of_images(finished):
    """`data.json`, a checkpoint and NumPy give the embeddings of `evaluation.npz`."""
    facts = json.loads((finished[0] / "data.json").read_text())
    assert facts["name"] == "digits" and facts["class_names"] == [str(digit) for digit in range(10)]
    image = facts["image"]
    networks = build_networks(EXPERIMENT.encoder, EXPERIMENT.projection, image_shape=image["shape"], classes=10)
    load_encoder(networks, finished[0])
    source = load_source("digits", str(finished[0] / "data"))
    pixels = np.stack([source.fetch("test")(number)[0] for number in range(8)])  # uint8 [8, 8, 8, 1]
    whitened = (pixels / 255 - image["mean"]) / image["std"]
    saved = np.load(finished[0] / "evaluation.npz")["embeddings"][:8]
    np.testing.assert_allclose(networks.features(tf.constant(whitened, tf.float32), training=False), saved, atol=1e-5)


def test_what_is_recorded_is_documented_and_the_other_way_round(finished):
    """All keys, but for what needs a loss on its plateau, mixed_float16, a joint stage or label sets."""
    page = (ROOT / "docs" / "reference" / "records.md").read_text(encoding="utf-8")
    section = page.split("## Keys of metrics.jsonl")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`([^|]*)\|", section, re.M)
    documented = {name for row in rows for name in re.findall(r"\w+", "".join(row).replace("`", ""))}
    assert documented == {key for record in records(finished[0]) for key in record} | {
        "warning",
        "overflows",
        "classifier_loss",
        "test_mean_average_precision",
    }


def test_figures_are_measured_in_the_epochs_that_are_due(finished):
    """Neighbours every second epoch and in the last; projections in the last steps of the first epoch and the stage."""
    lines = records(finished[0])
    assert [("knn_accuracy" in line, "alignment" in line) for line in lines[:3]] == [(0, 1), (1, 0), (1, 1)]
    assert 0.1 < lines[2]["knn_accuracy"] <= 1 and 1 <= lines[2]["effective_rank"] <= 8
    assert lines[2]["positives_min"] >= 1 and lines[2]["positives_none"] == 0
    assert all(line["gradient_norm"] > 0 and 0 <= line["input_share"] <= 1 for line in lines)
    assert "update_norm" in lines[4] and "alignment" not in lines[4]


def test_the_stages_follow_their_schedules(finished):
    """Rates of the last step of each epoch: linear warm-up over the first of three epochs, then the cosine."""
    rates = [line["learning_rate"] for line in records(finished[0])]
    peak = 1.0 * 20 / 256
    cosine = [peak * (1 + np.cos(np.pi * (step - 3) / 6)) / 2 for step in (5, 8)]
    np.testing.assert_allclose(rates[:3], [peak * 2 / 3, *cosine], rtol=1e-5)
    np.testing.assert_allclose(rates[3], 5.0 * 32 / 256 * (1 + np.cos(np.pi * 1 / 4)) / 2, rtol=1e-5)


def test_the_evaluation_has_every_test_image_once(finished):
    saved = np.load(finished[0] / "evaluation.npz")
    assert saved["embeddings"].shape == (539, 32) and saved["views"].shape[1:] == (2, 8, 8, 1)
    assert np.bincount(saved["labels"]).sum() == 539
    accuracy = np.mean(saved["predictions"] == saved["labels"])
    assert finished[1]["test_accuracy"] == pytest.approx(accuracy)


def test_the_same_command_on_a_finished_run_changes_nothing(finished, capsys):
    before = {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()}
    assert run_module.run_experiment(EXPERIMENT, finished[0]) == finished[1]
    assert "is complete" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in finished[0].rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name, message",
    [
        ("summary.json", r"summary.json is missing or not readable as JSON .* evaluates the run again"),
        ("config.json", r"config.json is missing or not readable as JSON .* another --workdir"),
        ("evaluation.npz", r"evaluation.npz is damaged .* Remove it and summary.json"),
        ("metrics.jsonl", r"line 1 of .*metrics.jsonl is no record of an epoch"),
    ],
)
@pytest.mark.parametrize("content", [b"\n", b"\0" * 9 + b"\n", b'{"stage":\n'])
def test_a_broken_file_of_a_finished_run_is_named(name, message, content, finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    (tmp_path / "run" / "report.html").unlink()  # to be written again, from the others
    (tmp_path / "run" / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        run_module.run_experiment(EXPERIMENT, tmp_path / "run")


@pytest.mark.guard
def test_a_run_that_is_told_to_stop_continues_to_the_same_bits(finished, tmp_path, monkeypatch):
    """Ctrl-C within an epoch of either stage, after steps 5 of 9 and 3 of 4, of which one has a checkpoint already."""
    count, advance = [0], Reporter.advance

    def interrupt(reporter, steps=1):
        advance(reporter, steps)
        count[0] += steps
        if count[0] in (5, 9 + 3):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Reporter, "advance", interrupt)
    experiment = settings.override(EXPERIMENT, {"train.checkpoint_every": 5})
    for stage, step in (("contrastive", 5), ("linear", 3)):
        with pytest.raises(KeyboardInterrupt):
            run_module.run_experiment(experiment, tmp_path, write_report=False)
        assert max(int(path.stem[5:]) for path in tmp_path.glob(f"checkpoints/{stage}/*.index")) == step
    run_module.run_experiment(experiment, tmp_path, write_report=False)
    assert count == [9 + 4]  # No step was done twice.
    assert_same_result(finished[0], tmp_path)


def assert_same_result(one, other):
    """Bit for bit: test embeddings, records but for times, and all that the last checkpoints hold."""
    whole, resumed = np.load(one / "evaluation.npz"), np.load(other / "evaluation.npz")
    for name in ("embeddings", "predictions", "views"):
        np.testing.assert_array_equal(whole[name], resumed[name])
    timeless = [
        [{name: value for name, value in record.items() if not OF_THE_MACHINE.search(name)} for record in found]
        for found in map(records, (one, other))
    ]
    assert timeless[0] == timeless[1]
    for stage in ("contrastive", "linear"):
        saved, again = (last_checkpoint(directory / "checkpoints" / stage) for directory in (one, other))
        assert saved.keys() == again.keys() and sum("optimizer/_var" in name for name in saved) > 1
        for name in saved:
            np.testing.assert_array_equal(saved[name], again[name], err_msg=name)


def last_checkpoint(directory):
    """Every tensor of the newest checkpoint by name: step, weights, optimizer."""
    newest = max(directory.glob("*.index"), key=lambda path: int(path.stem[5:]))
    reader = tf.train.load_checkpoint(str(newest.with_suffix("")))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    }


@pytest.mark.slow
@pytest.mark.parametrize("decay", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
def test_adamw_is_given_the_decay_and_what_to_leave_alone(tmp_path, decay):
    """The stage's weight decay reaches the optimizer that decays by itself, for kernels only."""
    stage = Stage(epochs=1, batch_size=20, optimizer="adamw", weight_decay=decay, schedule="constant")
    experiment = dataclasses.replace(EXPERIMENT, contrastive=Stage(), linear=Stage(), cross_entropy=stage)
    optimizers = []

    def keep(*arguments, **keywords):
        optimizers.append(keywords)
        return build_optimizer(*arguments, **keywords)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage_module, "build_optimizer", keep)
        summary = run_module.run_experiment(experiment, tmp_path)
    assert optimizers[0]["weight_decay"] == decay
    assert len(optimizers[0]["undecayed"]) == 2 * 21 + 1  # gamma and beta of every batch norm, the classifier's bias
    assert set(summary["seconds"]) == {"cross_entropy"}
    assert "<svg" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_contrastive_stage_alone_claims_no_accuracy(tmp_path):
    """Nobody trained the classifier: its accuracy would be a number about nothing."""
    experiment = dataclasses.replace(EXPERIMENT, linear=Stage(), contrastive=Stage(epochs=1, batch_size=20))
    summary = run_module.run_experiment(experiment, tmp_path)
    assert summary["test_accuracy"] is None and summary["test_images"] == 539
    assert "predictions" not in np.load(tmp_path / "evaluation.npz")
    assert "<svg" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_cross_entropy_in_two_stages_is_a_new_classifier_on_the_encoder_of_the_first(tmp_path):
    """Table 7: as a run of the linear stage alone on the encoder of that run has it; and after an interruption, too."""
    stage = Stage(epochs=1, batch_size=20, base_learning_rate=1.0)
    both = dataclasses.replace(EXPERIMENT, contrastive=Stage(), cross_entropy=stage)
    summary = run_module.run_experiment(both, tmp_path / "both")
    assert summary["test_accuracy"] is not None and set(summary["seconds"]) == {"cross_entropy", "linear"}
    found = last_checkpoint(tmp_path / "both" / "checkpoints" / "linear")

    alone = dataclasses.replace(both, cross_entropy=Stage(), encoder_from=str(tmp_path / "both"))
    run_module.run_experiment(alone, tmp_path / "alone")
    expected = last_checkpoint(tmp_path / "alone" / "checkpoints" / "linear")

    stopped = shutil.copytree(tmp_path / "both", tmp_path / "stopped")  # as of a kill between the stages
    shutil.rmtree(stopped / "checkpoints" / "linear")
    (stopped / "summary.json").unlink()
    run_module.run_experiment(both, stopped)
    again = last_checkpoint(stopped / "checkpoints" / "linear")

    first = last_checkpoint(tmp_path / "both" / "checkpoints" / "cross_entropy")
    kernel = next(name for name in found if name.startswith("classifier") and found[name].ndim == 2)
    for name in found:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        np.testing.assert_array_equal(found[name], again[name], err_msg=name)
    assert np.abs(found[kernel] - first[kernel]).max() > 0.01  # control: another classifier than the first stage had


def test_a_data_set_that_is_not_prepared_is_refused_before_training(tmp_path):
    experiment = dataclasses.replace(EXPERIMENT, data=Data(name="cifar10"))
    with pytest.raises(ValueError, match=r"'cifar10' is not prepared in .*download_and_prepare"):
        run_module.run_experiment(experiment, tmp_path, data_dir=str(tmp_path / "none"))


def test_a_batch_larger_than_the_data_is_refused_before_training(tmp_path):
    experiment = dataclasses.replace(EXPERIMENT, linear=Stage(epochs=1, batch_size=64))
    with pytest.raises(ValueError, match="batch of 64 images is larger than the 60 training images"):
        run_module.run_experiment(experiment, tmp_path)


@pytest.mark.slow  # tracing a ResNet on two replicas takes a minute; tests/distributed/test_trainer.py is its fast kin
@pytest.mark.two_replicas_required
def test_the_command_line_on_two_replicas_trains_as_on_one(finished, tmp_path):
    """In a process of its own, as a user starts it, with every field of the experiment as a flag."""
    changes = {"strategy": "mirrored", "replicas": 2, "linear.epochs": 0}
    experiment = settings.override(EXPERIMENT, changes)
    flags = [f"--{s.name}={','.join(map(str, s.value)) if isinstance(s.value, tuple) else s.value}"
             for s in settings.settings(experiment)]  # fmt: skip
    command = [sys.executable, "-m", "launch.train", "--experiment=digits.supcon", f"--workdir={tmp_path}", *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "mirrored: 2 replicas on 1 host" in ended.stdout
    one, two = ([line["loss"] for line in records(directory)][:3] for directory in (finished[0], tmp_path))
    # Rounding grows from step to step: three updates are in the first loss, nine in the last.
    np.testing.assert_allclose(two[0], one[0], rtol=1e-4)
    np.testing.assert_allclose(two, one, rtol=0.05)
