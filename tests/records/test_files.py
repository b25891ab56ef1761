"""Files that are written whole or not at all, and never through somebody's link."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from supcon_tf.records.files import (
    append_line,
    finished,
    read_arrays,
    read_object,
    replace,
    replace_arrays,
    replace_text,
)


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "x.json"
    for text in ("one", "two \u00e9"):
        replace_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_an_interruption_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.json"
    replace_text(path, "old")

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(path, fail)
    assert path.read_text() == "old"
    replace_text(path, "new")  # what lies beside it is no obstacle
    assert path.read_text() == "new"


def test_a_full_disk_is_told_with_the_file(tmp_path):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: .*x\.json") as told:
        replace(tmp_path / "x.json", full)
    assert told.value.filename == str(tmp_path / "x.json") and not (tmp_path / "x.json").exists()


def test_a_name_that_is_no_text_is_written_escaped(tmp_path):
    """A surrogate stands for a byte of a file's name that is not UTF-8."""
    replace_text(tmp_path / "x", "caf\udce9")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "caf\\xe9"


def test_no_link_is_followed(tmp_path):
    """In the place of the file, of what is written first, and of a file that is appended to."""
    precious, path = tmp_path / "precious", tmp_path / "x"
    for link in (path, tmp_path / "x.new"):
        precious.write_text("precious")
        link.symlink_to(precious)
        replace_text(path, "ours")
        assert path.read_text() == "ours" and not path.is_symlink() and precious.read_text() == "precious"
        path.unlink()
    path.symlink_to(precious)
    with pytest.raises(OSError):
        append_line(path, "ours")
    assert precious.read_text() == "precious"


def test_lines_are_added(tmp_path):
    append_line(tmp_path / "x", "one")
    append_line(tmp_path / "x", "two")
    assert (tmp_path / "x").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    "text, message", [(None, "no such file"), ("{", "not readable as JSON"), ("[]", "no JSON obj")]
)
def test_what_is_no_object_is_named_with_advice(text, message, tmp_path):
    if text is not None:
        (tmp_path / "x").write_text(text)
    with pytest.raises(ValueError, match=rf"{message}.*; do this"):
        read_object(tmp_path / "x", "do this")


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read_again(compressed, tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["caf\udce9", "b"]), "told": np.array("{}")}
    replace_arrays(tmp_path / "x.npz", arrays, compressed=compressed)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)


def test_arrays_that_do_not_fit_on_the_disk_are_one_error(tmp_path):
    program = (
        "import pathlib, resource, signal, sys\n"
        "import numpy as np\n"
        "from supcon_tf.records.files import replace_arrays\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    replace_arrays(pathlib.Path(sys.argv[1]), {'x': np.zeros(9000)})\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    command = [sys.executable, "-c", program, tmp_path / "x.npz"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})
    assert (ended.stdout, ended.stderr) == ("File too large\n", "")


WRITER = """
import pathlib, sys
from supcon_tf.records.files import alone, read_object, replace_text
import json
path = pathlib.Path(sys.argv[1])
for number in range(200):
    with alone(path):
        known = read_object(path) if path.exists() else {}
        replace_text(path, json.dumps({**known, f"{sys.argv[2]}-{number}": "x" * 200}))
"""


def test_two_processes_that_write_one_file_lose_nothing(tmp_path):
    """With one name for what is written first, each found the other's file or none there, and ended."""
    path = tmp_path / "failures.json"
    both = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")]
    while any(process.poll() is None for process in both):
        if path.exists():
            read_object(path)  # whole at any moment
    assert [process.wait() for process in both] == [0, 0]
    assert len(read_object(path)) == 400


def test_two_writers_without_a_lock_write_whole_files(tmp_path):
    path, program = tmp_path / "table.json", WRITER.replace("with alone(path):", "if True:").replace("**known, ", "")
    both = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b")]
    assert [process.wait() for process in both] == [0, 0] and len(read_object(path)) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["table.json"]


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path):
    path, old, young = tmp_path / "x", tmp_path / "x.0123abcd.new", tmp_path / "x.4567abcd.new"
    for left in (old, young):
        left.write_text("half")
    os.utime(old, (0, 0))
    replace_text(path, "whole")
    assert not old.exists() and young.exists() and finished(young.name) == "x"


def test_arrays_that_are_not_there_are_told(tmp_path):
    path = tmp_path / "x.npz"
    with pytest.raises(ValueError, match=r"x\.npz is missing\. Make it"):
        read_arrays(path, "Make it.")
    replace_arrays(path, {"a": np.arange(3), "b": np.zeros(2)})
    assert list(read_arrays(path, "")) == ["a", "b"] and list(read_arrays(path, "", names=["b"])) == ["b"]
    with pytest.raises(ValueError, match=r"x\.npz is damaged \(.*c.*\)\. Make it"):
        read_arrays(path, "Make it.", names=["c"])
