"""SIGTERM, Ctrl-C, SIGHUP and SIGUSR1, kept until what they would interrupt is safe."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Optional

# HUP: the terminal is gone; USR1: SLURM is about to take the node away
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


class Arrived(BaseException):
    """A signal came in a block that need not end first."""


class HeldBack:
    """Remembers the signals that arrive inside its `with` block, and delivers the first when the block ends.

    What a signal then does is up to who handled it before: Python raises KeyboardInterrupt for Ctrl-C, the others end
    the process. Signals that were ignored stay so. Python handles signals between its own instructions, so one that
    comes while TensorFlow runs a step is seen when the step is done. In threads other than the main one, where Python
    handles none, this does nothing.
    """

    def __init__(self):
        self.arrived: Optional[int] = None  # number of the first signal
        self._before = {}
        self._at_once = False

    @property
    def name(self) -> str:
        """Of the signal that arrived: `SIGTERM`."""
        return signal.Signals(self.arrived).name if self.arrived else "nothing"

    def __enter__(self) -> HeldBack:
        if threading.current_thread() is threading.main_thread():
            held = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._remember) for number in held}
        return self

    def __exit__(self, kind, error, trace) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self.arrived and error is None:
            signal.raise_signal(self.arrived)
        return False

    @contextlib.contextmanager
    def at_once(self):
        """A block that a signal ends with `Arrived`, for work that is not lost or can be done again."""
        self._at_once = True
        try:
            if self.arrived:
                raise Arrived
            yield
        finally:
            self._at_once = False

    def _remember(self, number, frame) -> None:
        if number == signal.SIGINT and not self.arrived:
            with contextlib.suppress(OSError):  # there may be no terminal
                os.write(2, b"\nstopping, when this step is done\n")  # whatever is being printed meanwhile
        self.arrived = self.arrived or number
        if self._at_once:
            self._at_once = False  # the next one does not disturb what ends
            raise Arrived
