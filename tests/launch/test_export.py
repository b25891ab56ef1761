"""Exporting from the command line: what is wrong with a command shows before TensorFlow is loaded."""

from __future__ import annotations

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest

from tests.launch import test_flags

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "say which run: --run="),
        (["--run=tests", "--to=x"], "tests holds no run: it has no config.json. Name the --workdir of a run"),
        (["--run=RUN", "--to=docs"], "docs holds other things than an export"),
        (["--run=RUN", "--two=x"], "no flag is called --two."),
        (["--run=RUN", "exported"], "'exported' is not a flag; flags look like --name=value"),
    ],
)
def test_a_wrong_command_ends_before_tensorflow_is_loaded(arguments, message, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    ended = test_flags.run("launch.export", *[text.replace("RUN", str(tmp_path)) for text in arguments])
    assert ended.returncode == 2 and message in ended.stderr and "Traceback" not in ended.stderr, ended.stderr


def command(*arguments, **how):
    line = [sys.executable, "-m", "launch.export", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, **how)


@pytest.mark.slow
def test_a_run_is_exported(trained_run, tmp_path):
    ended = command(f"--run={trained_run}", f"--to={tmp_path / 'x'}", "--data_licence=CC0", "--onnx")
    assert ended.returncode == 0, ended.stderr
    told = [line.split(": ")[0] for line in ended.stdout.splitlines() if str(tmp_path) in line]
    assert {pathlib.Path(path) for path in told} == set((tmp_path / "x").iterdir()) and len(told) in (6, 8)
    assert ("no ONNX file is written" in ended.stdout) == (len(told) == 6)  # 8 with the extra [onnx]
    assert json.loads((tmp_path / "x" / "export.json").read_text())["data"]["licence"] == "CC0"


@pytest.mark.slow
def test_what_cannot_be_written_ends_with_74_and_leaves_nothing(trained_run, tmp_path):
    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ended = command(f"--run={trained_run}", f"--to={tmp_path / 'x'}", preexec_fn=small)
    assert ended.returncode == 74 and "the export could not be written" in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and os.listdir(tmp_path) == []
