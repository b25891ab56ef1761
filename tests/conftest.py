"""The machine every test runs on: two logical CPU devices, quiet logs, no network, no GPU luck."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("NO_GCE_CHECK", "true")  # TFDS asks a cloud bucket for data otherwise.

import pytest
import tensorflow as tf

# Before anything touches a device: TensorFlow fixes the set of logical devices at its first use.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()],
)

# A process that was started in the background may ignore Ctrl-C; what is tested of it is how it is heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REQUIRED = "two_replicas_required"


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.Strategy:
    """The one MirroredStrategy of the process: a second would collide in TensorFlow's collective keys."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture(scope="session")
def one_device() -> tf.distribute.Strategy:
    """What two replicas are compared with."""
    return tf.distribute.OneDeviceStrategy("CPU:0")


@pytest.fixture(autouse=True)
def _same_start():
    """Every test starts from the same random state, whatever ran before it."""
    tf.keras.utils.set_random_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """A guard is a slow test: `-m "not slow"` leaves it out."""
    for item in items:
        if item.get_closest_marker("guard"):
            item.add_marker("slow")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that must run on two replicas fails where it would be skipped: a green suite without it proves nothing."""
    report = (yield).get_result()
    if report.skipped and item.get_closest_marker(REQUIRED):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must run on two replicas and was skipped: {report.longrepr}"


def pytest_terminal_summary(terminalreporter):
    """The line that the CI looks for."""
    passed = [report for report in terminalreporter.stats.get("passed", []) if REQUIRED in report.keywords]
    terminalreporter.write_line(f"{len(passed)} tests ran on two replicas")
