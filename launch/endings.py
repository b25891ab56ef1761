"""How a command line ends: one message and a status where a traceback would tell a person nothing.

The statuses are those of docs/reference/exit_statuses.md.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import sys
from typing import NoReturn

from absl import logging as absl_logging

from supcon_tf.paths import ESCAPED

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)  # USR1: SLURM is about to take the node away
CONTINUES = "the same command continues from the newest checkpoint"


class _Terminated(BaseException):
    """One of `ENDING` came, or SIGALRM at the end of the time limit; the argument is its number."""


@contextlib.contextmanager
def plain_endings(*, afterwards: str = CONTINUES, time_limit: float = 0.0):
    """Ends the program with one message and a status.

    Args:
        afterwards: what the same command then does, said where something from outside ended it.
        time_limit: minutes after which the program is asked to stop, as by a signal; 0 sets none.
    """
    for number in (*ENDING, *((signal.SIGALRM,) if time_limit else ())):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGHUP is under nohup
            signal.signal(number, _terminate)
    if time_limit:
        signal.setitimer(signal.ITIMER_REAL, 60 * time_limit)
    try:
        yield
    except ValueError as error:
        refuse(str(error))
    except ImportError as error:
        needs = f"{error}. What commands need is installed by: pip install 'supcon-tf[train]'"
        refuse(f"{needs}; in a checkout: pip install '.[train]'. Extras such as [onnx] have more.")
    except FloatingPointError as error:
        _end(3, f"error: {error}")
    except MemoryError as error:
        _end(71, f"error: {str(error) or 'the memory of this machine is used up; lower the batch size.'}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would fail again when it flushes the rest
        _end(74, f"error: what reads the output is gone; {afterwards}")
    except ConnectionError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(75)  # at a plain exit TensorFlow would wait for the host that is gone
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _end(74, f"error: {error.strerror or error}{where}.")
    except KeyboardInterrupt:
        _end(130, f"\ninterrupted; {afterwards}")
    except _Terminated as stop:
        (number,) = stop.args
        if number == signal.SIGALRM:
            _end(75, f"stopped after --time_limit={time_limit:g} minutes; {afterwards}")
        _end(128 + number, f"stopped by {signal.Signals(number).name}; {afterwards}")


def leave(end: SystemExit) -> NoReturn:
    """Ends this process as `end` would, and does not take TensorFlow down first, which may wait without end.

    A pipeline that is left in the middle, by a signal or an error, may be calling into Python: reading a file, making a
    corruption. It is waited for as it is taken down, and no thread gets into a Python that is being taken down.
    """
    status = end.code if isinstance(end.code, int) else int(end.code is not None)
    if end.code is not None and not isinstance(end.code, int):
        print(end.code, file=sys.stderr)
    atexit._run_exitfuncs()  # of files that are for this process only, and of logs
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # what reads it is gone
            stream.flush()
    os._exit(status)


def prepare_streams() -> None:
    """Standard streams that can be written to, whatever the shell left of them; call it first.

    A closed one would give its number to the next file that is opened, and a message would go into that file. Bytes of
    file names that are no text are shown escaped.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 for as long as the program runs
        if hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors=ESCAPED)


def quiet() -> None:
    """Leaves the terminal to the run: TensorFlow and TFDS tell warnings in Python only."""
    prepare_streams()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    absl_logging.set_verbosity(absl_logging.WARNING)
    # Every stage makes graphs of its own, on purpose; TensorFlow takes several runs in a process for an accident.
    logging.getLogger("tensorflow").addFilter(lambda record: "triggered tf.function retracing" not in str(record.msg))


def refuse(message: str) -> None:
    """Ends the program with status 2 and one message: what came, what was wanted, what to do."""
    _end(2, f"error: {message}")


def _terminate(number, frame):
    raise _Terminated(number)


def _end(status: int, message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(message, file=sys.stderr, flush=True)
    sys.exit(status)
