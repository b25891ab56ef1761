"""Records of epochs: the file, TensorBoard, and plain lines where there is no terminal."""

from __future__ import annotations

import fcntl
import json
import math
import os
import pty
import re
import select
import struct
import sys
import termios

import pytest

from supcon_tf.records.directory import RunDirectory
from supcon_tf.training.duration import Duration
from supcon_tf.training.plateau import Plateau, PlateauWatch
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.start import StartWatch


def report(directory, epochs=20, start=0):
    reporter = Reporter(
        RunDirectory(directory),
        "linear",
        title="demo linear",
        duration=Duration(epochs=epochs, examples=20, batch_size=4),
        learning_rate=lambda step: 0.1 * step,
    )
    reporter.start(start * 5, recorded=start * 5)
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
        "learning_rate": pytest.approx(0.9),  # of step 9, the last that was done
        "images_per_second": 10.0,
        "seconds": 2.0,
        "memory_mb": lines[1]["memory_mb"],
        "memory_peak_mb": lines[1]["memory_peak_mb"],
    }
    assert 50 < lines[1]["memory_mb"] <= lines[1]["memory_peak_mb"]
    assert list((tmp_path / "tensorboard" / "linear").glob("events*"))


def test_without_a_terminal_every_epoch_is_a_plain_line(tmp_path, capfd):
    report(tmp_path)
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert len(lines) == 20
    assert re.fullmatch(
        r"demo linear: epoch 20/20, loss 0.0500, test accuracy 50.0%, learning rate 9.9, 10 images/s, [\d,]+ MB, "
        "0 s left",
        lines[-1],
    )
    assert "\r" not in out + err and "\x1b" not in out + err


def test_on_a_terminal_a_bar_stands_below_the_lines(tmp_path, monkeypatch, capfd):
    """A pseudo-terminal as stderr: the bar goes there, and the lines on stdout keep clear of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))  # without a width it shows nothing
    with open(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        report(tmp_path, epochs=3)
        terminal.flush()
        bar = ""
        while select.select([ours], [], [], 0)[0]:
            bar += os.read(ours, 100_000).decode()
    os.close(ours)
    out = capfd.readouterr().out
    assert "\r" in bar and "100%" in bar and "images/s" in bar
    assert len(out.splitlines()) == 3 and "\r" not in out and "\x1b" not in out


def watched(directory, epochs, start=0):
    """A stage whose loss stays on its plateau, ten steps an epoch."""
    plateau = Plateau(rows=8, temperature=0.1, scale=0.1)
    duration = Duration(epochs=20, examples=40, batch_size=4)
    watch = PlateauWatch(plateau, duration=duration, width=8)
    reporter = Reporter(
        RunDirectory(directory), "contrastive", title="t", duration=duration, learning_rate=float, watch=watch
    )
    reporter.start(start * 10, recorded=start * 10)
    for epoch in range(start + 1, epochs + 1):
        reporter.epoch(epoch, epoch * 10, 10, 2.0, {"loss": plateau.value * 0.999})


def test_a_loss_on_its_plateau_is_said_and_recorded_once(tmp_path, capfd):
    """In the fifth epoch of ten steps, a quarter of the stage; a resumed run knows that it was said."""
    watched(tmp_path, 7)
    watched(tmp_path, 9, start=6)
    assert capfd.readouterr().out.count("t: WARNING: the loss has stayed at") == 1
    lines = records(tmp_path)
    assert len(lines) == 9 and [line["epoch"] for line in lines if "warning" in line] == [5]
    assert lines[0]["plateau_distance"] == pytest.approx(0.001)
    assert lines[0]["plateau"] == pytest.approx(0.1 * math.log(7))
    assert b"the loss has stayed at" in b"".join(
        path.read_bytes() for path in (tmp_path / "tensorboard" / "contrastive").iterdir()
    )


def started(directory, epochs, similarity, start=0):
    """A stage whose embeddings have this similarity, without a plateau to watch."""
    reporter = Reporter(
        RunDirectory(directory), "contrastive", title="t", duration=Duration(20, 40, 4), learning_rate=float,
        start=StartWatch(width=8, last_batch_norm=False),
    )  # fmt: skip
    reporter.start(start * 10, recorded=start * 10)
    for epoch in range(start + 1, epochs + 1):
        look = {"negative_similarity_p50": similarity, "effective_rank": 1.5}
        reporter.epoch(epoch, epoch * 10, 10, 2.0, {"loss": 0.6, **look})


@pytest.mark.parametrize("similarity, said", [(0.95, [1]), (0.1, [])])
def test_a_start_near_collapse_is_said_and_recorded_once(similarity, said, tmp_path, capfd):
    started(tmp_path, 3, similarity)
    started(tmp_path, 5, similarity, start=3)
    assert capfd.readouterr().out.count("t: WARNING: the stage starts near collapse") == len(said)
    assert [line["epoch"] for line in records(tmp_path) if "warning" in line] == said


def test_a_resumed_stage_replaces_the_records_of_steps_it_does_again(tmp_path, capfd):
    report(tmp_path, epochs=4)
    report(tmp_path, epochs=4, start=2)
    assert [record["epoch"] for record in records(tmp_path)] == [1, 2, 3, 4]
    assert "demo linear: continues at step 10" in capfd.readouterr().out


def test_records_that_are_lost_are_said(tmp_path, capfd):
    """Those of epochs that a checkpoint says are done: the curves have a gap."""
    report(tmp_path, epochs=4)
    kept = (tmp_path / "metrics.jsonl").read_text().splitlines(keepends=True)[:2]
    (tmp_path / "metrics.jsonl").write_text("".join(kept))
    report(tmp_path, epochs=5, start=4)
    assert [record["epoch"] for record in records(tmp_path)] == [1, 2, 5]
    assert capfd.readouterr().out.count("metrics.jsonl has lost records of epochs that are done") == 1


def test_a_place_where_events_cannot_be_written_is_named_before_training(tmp_path):
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(OSError, match=r"TensorBoard's files cannot be written \(.*tensorboard"):
        report(tmp_path)
