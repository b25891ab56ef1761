"""The command line that transfers: what cannot be is refused before TensorFlow is loaded."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "say which run: --run=DIRECTORY"),
        (["--run=nowhere"], "nowhere holds no run: it has no config.json"),
        (["--run=x", "--how=lineer"], "Did you mean 'linear'"),
        (["--run=x", "--sets=dtd,dtd"], "each set can be named once; got dtd, dtd"),
        (["--run=x", "--sets="], "each set needs a name"),
        (["--run=x", "--seeds=a"], "--seeds must be whole numbers"),
        (["--run=x", "--learning_rates=0.1,0"], "--learning_rates must be numbers above 0"),
        (["--run=x", "--weight_decays=-1"], "--weight_decays must be numbers at least 0"),
        (["--run=x", "--weight_decays=0,0.0"], "--weight_decays has a number twice"),
        (["--run=x", "--crop_area=1"], "--crop_area must be two shares"),
    ],
)
def test_what_cannot_be_is_refused_with_one_message(flags, message):
    command = [sys.executable, "-m", "launch.transfer", *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 2 and message in ended.stderr
    assert ended.stderr.startswith("error: ")  # TensorFlow, which is noisy, was not loaded for this
