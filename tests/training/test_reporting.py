"""Records of epochs: the file, TensorBoard, and plain lines where there is no terminal."""

from __future__ import annotations

import json

import pytest

from supcon_tf.training.reporting import Reporter, drop_records


def report(directory, epochs=20, start=0):
    reporter = Reporter(
        directory,
        "linear",
        title="demo linear",
        epochs=epochs,
        total_steps=epochs * 5,
        batch_size=4,
        learning_rate=lambda step: 0.1 * step,
        constants={"plateau": 3.0},
    )
    reporter.start(start * 5)
    for epoch in range(start + 1, epochs + 1):
        for _ in range(5):
            reporter.advance()
        reporter.epoch(epoch, epoch * 5, 5, 2.0, {"loss": 1 / epoch, "test_accuracy": 0.5})


def records(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_a_record_has_everything_an_epoch_measured(tmp_path):
    report(tmp_path)
    lines = records(tmp_path)
    assert len(lines) == 20
    assert lines[1] == {
        "stage": "linear",
        "epoch": 2,
        "epochs": 20,
        "step": 10,
        "loss": 0.5,
        "test_accuracy": 0.5,
        "plateau": 3.0,
        "learning_rate": pytest.approx(0.9),  # of step 9, the last that was done
        "images_per_second": 10.0,
        "seconds": 2.0,
        "memory_mb": lines[1]["memory_mb"],
        "memory_peak_mb": lines[1]["memory_peak_mb"],
    }
    assert 50 < lines[1]["memory_mb"] <= lines[1]["memory_peak_mb"]
    assert list((tmp_path / "tensorboard" / "linear").glob("events*"))


def test_without_a_terminal_a_stage_has_about_ten_plain_lines(tmp_path, capfd):
    report(tmp_path)
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "demo linear: epoch 20/20, loss 0.0500, test accuracy 50.0%, 10 images/s, 0 s left"
    assert "\r" not in out + err and "\x1b" not in out + err


def test_a_resumed_stage_replaces_the_records_of_steps_it_does_again(tmp_path, capfd):
    report(tmp_path, epochs=4)
    report(tmp_path, epochs=4, start=2)
    assert [record["epoch"] for record in records(tmp_path)] == [1, 2, 3, 4]
    assert "demo linear: continues at step 10" in capfd.readouterr().out


def test_records_of_other_stages_stay(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"stage": "contrastive", "step": 9}\n{"stage": "linear", "step": 3}\n')
    drop_records(path, "linear", after_step=0)
    assert path.read_text() == '{"stage": "contrastive", "step": 9}\n'


def test_a_record_that_an_interruption_cut_short_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"stage": "contrastive", "step": 9}\n{"stage": "contras')
    drop_records(path, "contrastive", after_step=9)
    assert path.read_text() == '{"stage": "contrastive", "step": 9}\n'


def test_a_broken_record_in_the_middle_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('nonsense\n{"stage": "linear", "step": 3}\n')
    with pytest.raises(ValueError, match=r"line 1 of .*metrics.jsonl is no JSON record"):
        drop_records(path, "linear", after_step=9)
