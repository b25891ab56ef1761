"""Signals wait for the end of a block, and are then what they were."""

from __future__ import annotations

import signal
import threading

import pytest

from supcon_tf.training.interruption import SIGNALS, Arrived, HeldBack


@pytest.fixture
def delivered():
    """Numbers of the signals that reach the handler that was there before."""
    found, before = [], {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: found.append(number))
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_delivered_when_the_block_ends(number, delivered):
    with HeldBack() as held:
        signal.raise_signal(number)
        assert held.arrived == number and delivered == []
    assert delivered == [number]
    signal.raise_signal(number)  # The old handler is back.
    assert delivered == [number] * 2


def test_without_a_signal_nothing_happens(delivered):
    with HeldBack() as held:
        pass
    assert held.arrived is None and delivered == []


def test_ctrl_c_becomes_what_python_makes_of_it():
    with pytest.raises(KeyboardInterrupt), HeldBack():
        signal.raise_signal(signal.SIGINT)


def test_of_two_signals_the_first_is_delivered(delivered):
    with HeldBack():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert delivered == [signal.SIGTERM]


def test_an_error_goes_before_a_signal(delivered):
    with pytest.raises(FloatingPointError), HeldBack():
        signal.raise_signal(signal.SIGTERM)
        raise FloatingPointError
    assert delivered == []


def test_some_work_is_left_at_once(delivered):
    with HeldBack() as held:
        with pytest.raises(Arrived), held.at_once():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Arrived), held.at_once():
            raise AssertionError("not begun after a signal")
        assert delivered == []
    assert delivered == [signal.SIGTERM]


def test_what_was_ignored_stays_ignored(delivered):
    """As Ctrl-C is in a job of the shell's background, and SIGHUP under nohup."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with HeldBack() as held:
        signal.raise_signal(signal.SIGINT)
    assert held.arrived is None


def test_in_another_thread_it_does_nothing(delivered):
    seen = []

    def work():
        with HeldBack() as held:
            seen.append(held.arrived)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]


def test_ctrl_c_is_answered_at_once(capfd):
    """It is obeyed when the step is done, which may be a first one that is traced: a person pressed again."""
    with pytest.raises(KeyboardInterrupt), HeldBack():
        signal.raise_signal(signal.SIGINT)
        assert "stopping, when this step is done" in capfd.readouterr().err
        signal.raise_signal(signal.SIGINT)
        assert capfd.readouterr().err == ""
