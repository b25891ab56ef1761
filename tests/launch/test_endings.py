"""The end of a command: a status and one message, whatever it was, and streams that can be written to."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from launch.endings import ENDING, plain_endings

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def _own_signals():
    before = {number: signal.getsignal(number) for number in (*ENDING, signal.SIGALRM)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(
    "error, status, message",
    [
        (ValueError("no such thing"), 2, "error: no such thing\n"),
        (FloatingPointError("diverged at step 3"), 3, "error: diverged at step 3\n"),
        (MemoryError("out of memory; lower it"), 71, "error: out of memory; lower it\n"),
        (MemoryError(), 71, "error: the memory of this machine is used up; lower the batch size.\n"),
        (OSError(28, "No space left on device", "/run/x"), 74, "error: No space left on device: /run/x.\n"),
        (
            ImportError("No module named 'PIL'"),
            2,
            "error: No module named 'PIL'. What commands need is installed by: pip install 'supcon-tf[train]'; in a "
            "checkout: pip install '.[train]'. Extras such as [onnx] have more.\n",
        ),
        (KeyboardInterrupt(), 130, "\ninterrupted; the same command continues from the newest checkpoint\n"),
    ],
)
def test_an_end_has_a_status_and_one_message(error, status, message, capsys):
    with pytest.raises(SystemExit) as ended, plain_endings():
        raise error
    assert (ended.value.code, capsys.readouterr().err) == (status, message)


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGUSR1, 138)])
def test_a_signal_has_a_status_of_its_own(number, status, capsys):
    with pytest.raises(SystemExit) as ended, plain_endings():
        signal.raise_signal(number)
    assert ended.value.code == status
    assert f"stopped by {number.name}; the same command continues" in capsys.readouterr().err


@pytest.mark.usefixtures("_own_signals")
def test_under_nohup_the_end_of_a_terminal_is_no_end():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    went_on = False
    with plain_endings():
        signal.raise_signal(signal.SIGHUP)
        went_on = True
    assert went_on and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize(
    "last, status, said",
    [
        ("pass", 0, ""),
        ("raise ValueError('no such thing')", 2, "error: no such thing"),
        ("signal.raise_signal(signal.SIGTERM)", 143, "stopped by SIGTERM"),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_a_command_ends_while_a_pipeline_calls_into_python(last, status, said):
    """As one that reads files or corrupts images does; taking TensorFlow down would wait for the call without end."""
    program = (
        "import atexit, signal, time\n"
        "from launch.endings import plain_endings, quiet\n"
        "from launch.flags import run_app\n"
        "quiet()\n"
        "import tensorflow as tf\n"
        "def called(number):\n"
        "    ends = time.monotonic() + 0.1\n"
        "    while time.monotonic() < ends: pass\n"
        "    return number\n"
        "def main(_):\n"
        "    global numbers\n"
        "    atexit.register(print, 'cleared away')\n"
        "    with plain_endings():\n"
        "        data = tf.data.Dataset.range(100_000)\n"
        "        call = lambda number: tf.numpy_function(called, [number], tf.int64)\n"
        "        numbers = iter(data.map(call, num_parallel_calls=4).batch(4).prefetch(4))\n"
        "        next(numbers)\n"
        f"        {last}\n"
        "run_app(main)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == status and said in ended.stderr, ended.stderr
    assert ended.stdout == "cleared away\n"


def test_output_that_nobody_reads_ends_with_one_message():
    """As in `... | head`: it is no error of another host, and Python has nothing to add when it ends."""
    program = (
        "from launch.endings import plain_endings\n"
        "with plain_endings():\n    while True:\n        print('a line', flush=True)\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, **pipes) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 74
        assert process.stderr.read() == (
            b"error: what reads the output is gone; the same command continues from the newest checkpoint\n"
        )


@pytest.mark.usefixtures("_own_signals")
def test_a_time_limit_ends_like_a_signal(capsys):
    with pytest.raises(SystemExit) as ended, plain_endings(time_limit=0.05 / 60):
        time.sleep(10)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert ended.value.code == 75
    assert capsys.readouterr().err.startswith("stopped after --time_limit=0.000833333 minutes; the same command")


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_take_no_file_of_the_run(closed, tmp_path):
    """The next file that is opened would get their number, and messages would go into it."""
    program = (
        "from launch.endings import quiet; import os, sys; quiet(); file = open('kept', 'w'); file.write('mine')\n"
        "print('out'); print('error', file=sys.stderr, flush=True); os.write(2, b'junk'); os.write(1, b'junk')\n"
        "sys.exit(7 if file.fileno() > 2 else 8)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PROGRAM": program}
    command = f'exec {sys.executable} -c "$PROGRAM" {closed}'
    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, timeout=60)
    assert ended.returncode == 7 and (tmp_path / "kept").read_text() == "mine"


@pytest.mark.parametrize("encoding, shown", [("utf-8", "caf\\xe9 é"), ("ascii", "caf\\xe9 \\xe9")])
def test_a_name_that_is_no_text_is_shown_escaped(encoding, shown):
    program = "from launch.endings import quiet; quiet(); print('caf\\udce9 \\xe9')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
    assert ended.returncode == 0 and ended.stdout.decode(encoding) == f"{shown}\n"
