"""Preparing and checking data from the command line: facts, pictures, and one message for what is wrong."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from launch import prepare_data
from supcon_tf.data.sets.load import load_source
from tests.data import image_folder
from tests.data.sets.damage import DAMAGE
from tests.launch import test_flags
from tests.test_paths import LATIN

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say where the pictures go: --workdir="),
        (["--workdir=x", "--data.broken_images=drop"], "must be one of fail, skip; got 'drop'"),
        (["--workdir=x", "--data.name=folder:x", "--download"], "nothing to download for 'folder:x'"),
        (["--workdir=x", "--previev"], "no flag is called --previev. Did you mean `preview`?"),
        (["--workdir=README.md"], "README.md is a file; name another --workdir"),
    ],
)
def test_a_wrong_command_ends_before_tensorflow_is_loaded(arguments, message):
    ended = test_flags.run("launch.prepare_data", *arguments)
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr


def test_the_transfer_sets_are_listed_without_a_data_set():
    told = test_flags.run("launch.prepare_data", "--transfer_sets").stdout
    assert len(told.splitlines()) == 13 and "11-point mAP" in told and "not in TFDS" in told


def size_of(path):
    with PIL.Image.open(path) as picture:
        return picture.size


@pytest.mark.slow
def test_a_folder_is_checked_and_shown(tmp_path):
    image_folder.write_every_kind(tmp_path / "photos" / "train" / "a")
    image_folder.write_plain(tmp_path / "photos" / "train" / "b", 3)
    image_folder.write_broken(tmp_path / "photos" / "train" / "a")
    command = [sys.executable, "-m", "launch.prepare_data", f"--data.name=folder:{tmp_path / 'photos'}"]
    command += [f"--workdir={tmp_path / 'look'}"]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert all(f"train/a/{name}: " in refused.stderr for name in image_folder.BROKEN)

    command += ["--data.broken_images=skip", "--data.image_size=16", "--preview"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert shown.returncode == 0, shown.stderr
    lines = dict(
        line.split(maxsplit=2)[:2] for line in shown.stdout.splitlines() if line.startswith("  ") and "/" not in line
    )
    assert lines == {"a": str(len(image_folder.GOOD) + 1), "b": "3"}
    assert "skipped 5 files" in shown.stdout and "any size, RGB" in shown.stdout
    sizes = {path.name: size_of(path) for path in (tmp_path / "look").glob("*.png")}
    assert sizes == {
        "samples.png": (8 * 66 + 2, 2 * 66 + 2),
        "views_contrastive.png": (8 * 66 + 2, 10 * 66 + 2),
        "views_linear.png": (8 * 66 + 2, 10 * 66 + 2),
    }


def test_samples_are_the_first_images_of_every_class(tmp_path):
    source = load_source("digits", str(tmp_path))
    numbers = prepare_data._of_every_class(source)
    labels = source.labels("train")
    assert numbers.shape == (10, 8) and np.array_equal(labels[numbers], np.arange(10)[:, None].repeat(8, 1))
    table = prepare_data.facts_table(source)
    assert "122 to 128, median 126" in table and re.search(r"^left out +nothing$", table, re.MULTILINE)


def test_images_without_labels_are_shown_by_their_order(tmp_path):
    image_folder.write_plain(tmp_path / "images", 12)
    source = load_source(f"folder:{tmp_path / 'images'}", str(tmp_path))
    table = prepare_data.facts_table(source)
    assert (
        re.search(r"^classes +none: images without labels$", table, re.MULTILINE) and "images of a class" not in table
    )
    assert prepare_data._first(source).tolist() == [list(range(8)), [8, 9, *range(6)]]


def test_images_without_a_label_among_others_are_counted_apart(tmp_path, monkeypatch):
    source = load_source("digits", str(tmp_path))
    labels = source.labels("train")
    monkeypatch.setattr(source, "_labels", lambda split: np.where(np.arange(len(labels)) < 30, -1, labels))
    table = prepare_data.facts_table(source)
    assert re.search(r"^without a label +30$", table, re.MULTILINE) and "images of a class" in table
    assert prepare_data._of_every_class(source).min() >= 30
    monkeypatch.setattr(source, "_labels", lambda split: np.full(len(labels), -1))
    assert re.search(r"^without a label +1,258$", prepare_data.facts_table(source), re.MULTILINE)
    assert prepare_data._of_every_class(source).tolist() == prepare_data._first(source).tolist()


def command(*arguments, data_name, workdir):
    """`launch.prepare_data` in a process of its own."""
    line = [sys.executable, "-m", "launch.prepare_data", f"--data.name={data_name}", f"--workdir={workdir}", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_its_own_pictures_never_become_images_and_odd_names_end_nothing(tmp_path):
    photos = tmp_path / f"[{LATIN}]~"
    image_folder.write_plain(photos, 12)
    (photos / f"{LATIN}.txt").write_text("")
    for workdir in (photos, photos / "look"):
        shown = command("--data.image_size=8", data_name=f"folder:{photos}", workdir=workdir)
        assert shown.returncode == 0, shown.stderr
        assert re.search(r"^training images +10$", shown.stdout, re.MULTILINE)
        assert re.search(r"^left out +1 file of other kinds \(\.txt 1\)$", shown.stdout, re.MULTILINE)
        assert "caf\\xe9" in shown.stdout and "samples.png: 2 rows" in shown.stdout
        assert (workdir / "samples.png").exists()
    facts = load_source(f"folder:{photos}", str(tmp_path / "elsewhere")).facts  # `look` and `data` are no classes now
    assert not facts.labelled and (facts.train_examples, facts.test_examples) == (10, 2)
    assert facts.left_out == "1 file of other kinds (.txt 1)"


@pytest.mark.slow
@pytest.mark.parametrize(
    "what, status, message",
    [
        ("an ambiguous folder", 2, "can be understood in more than one way"),
        pytest.param("a cut record file", 74, "it ends within record", marks=pytest.mark.slow),
        pytest.param("a picture's place taken", 74, "Is a directory", marks=pytest.mark.slow),
    ],
)
def test_every_ending_has_its_status_and_one_message(what, status, message, tmp_path):
    workdir, data_dir = tmp_path / "look", tmp_path / "data"
    load_source("digits", str(data_dir))
    name = "digits"
    if what == "an ambiguous folder":
        name = f"folder:{tmp_path / 'images'}"
        for place in ("train", "bus", "car"):
            image_folder.write_plain(tmp_path / "images" / place, 1)
    elif what == "a picture's place taken":
        (workdir / "samples.png" / "x").mkdir(parents=True)
    else:
        DAMAGE["cut within a record"][0](data_dir / "digits" / "1.0.0")
    ended = command(f"--data_dir={data_dir}", data_name=name, workdir=workdir)
    assert ended.returncode == status and message in ended.stderr and "Traceback" not in ended.stderr, ended.stderr


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.slow
def test_a_stop_during_the_check_ends_soon_and_keeps_what_is_done(number, status, tmp_path):
    folder, count = tmp_path / "images" / "a", 60_000
    image_folder.write_plain(folder, 1, size=(64, 64))
    for image in range(1, count):
        os.link(folder / "000.png", folder / f"{image:06}.png")
    line = [sys.executable, "-m", "launch.prepare_data", f"--data.name=folder:{tmp_path / 'images'}"]
    terminal, bar = os.openpty()  # without a terminal there is no bar to see, nor on one without columns
    fcntl.ioctl(bar, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    process = subprocess.Popen(
        [*line, f"--workdir={tmp_path / 'look'}"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=bar
    )
    seen = b""
    while not re.search(rb"checking.* [1-9]\d*/60000", seen):
        seen += os.read(terminal, 65536)
    process.send_signal(number)
    begun = time.monotonic()
    assert process.wait(timeout=60) == status and time.monotonic() - begun < 5
    (kept,) = (tmp_path / "look" / "data").glob("checked-*.json")
    assert 0 < len(json.loads(kept.read_text().split("\n")[1])) < count


@pytest.mark.parametrize("error, kind", [
    (OSError(errno.ENOSPC, "No space left on device", "/data/x"), OSError),
    (PermissionError(errno.EACCES, "Permission denied", "/data/x"), OSError),
    (tf.errors.ResourceExhaustedError(None, None, "/data/x; No space left on device"), OSError),
    (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), ValueError),
    (ImportError("no module named cv2"), ValueError),
])  # fmt: skip
def test_a_download_ends_as_what_went_wrong(error, kind, tmp_path, monkeypatch):
    class Builder:
        def download_and_prepare(self):
            raise RuntimeError("Failed to construct dataset") from error

    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: Builder())
    with pytest.raises(kind, match=r"'cifar10'") as raised:
        prepare_data.download("cifar10", str(tmp_path))
    assert isinstance(raised.value, OSError) == (kind is OSError)


def test_only_what_is_asked_for_is_downloaded_and_only_once(tmp_path, monkeypatch):
    class Builder:
        def download_and_prepare(self):
            os.makedirs(tmp_path / "cifar10" / "3.0.2")
            (tmp_path / "cifar10" / "3.0.2" / "dataset_info.json").write_text("{}")

    asked = []
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: asked.append((name, data_dir)) or Builder())
    for _ in range(2):
        prepare_data.download("cifar10", str(tmp_path))
    assert asked == [("cifar10", str(tmp_path))]


def test_a_download_that_fails_is_one_message(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("Failed to resolve host\nand so on")

    monkeypatch.setattr(tfds, "builder", unreachable)
    with pytest.raises(ValueError, match=r"TFDS could not prepare 'cifar10' in .*: Failed to resolve host$"):
        prepare_data.download("cifar10", str(tmp_path))
