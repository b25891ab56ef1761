"""A TensorFlow that another package moved is named in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from supcon_tf.stack import check_stack, complaint


@pytest.mark.parametrize(
    "tensorflow, python", [("2.15.1", (3, 9)), ("2.15.0", (3, 11)), ("2.20.0", (3, 12)), ("2.21.0rc1", (3, 13))]
)
def test_what_setup_py_asks_for_is_fine(tensorflow, python):
    assert complaint(tensorflow, python) == ""


@pytest.mark.parametrize(
    "tensorflow, python, wanted",
    [("2.21.0", (3, 11), "TensorFlow 2.15,"), ("2.14.0", (3, 10), "2.15,"), ("2.19.0", (3, 12), "2.20 to 2.21,")],
)
def test_another_is_named_with_what_to_do(tensorflow, python, wanted):
    told = complaint(tensorflow, python)
    assert wanted in told and f"and {tensorflow} is installed" in told and "\n" not in told


def test_this_installation_is_right(recwarn):
    check_stack()
    assert not recwarn.list


def test_the_import_says_so():
    program = (
        "from importlib import metadata; whole = metadata.version\n"
        "metadata.version = lambda name: '2.19.0' if name == 'tensorflow' else whole(name)\n"
        "import supcon_tf"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and "2.19.0 is installed: another package has moved it" in ended.stderr
