"""Several hosts as one: who takes part is read from the environment, as TensorFlow and SLURM write it there."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple, Optional

import tensorflow as tf

from supcon_tf.failures import first_line

_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class Place(NamedTuple):
    """Where this process stands in the cluster."""

    workers: tuple  # "host:port" of each; none where SLURM tells TensorFlow directly
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what only one may write."""
        return self.index == 0


def place(environment: Mapping = os.environ) -> Place:
    """This process among the workers, from TF_CONFIG, else from SLURM.

    Raises:
        ValueError: neither is there, or TF_CONFIG is not what it should be.
    """
    text = environment.get("TF_CONFIG", "")
    if not text and "SLURM_PROCID" in environment:
        return Place((), int(environment["SLURM_PROCID"]))
    if not text:
        raise ValueError(f"strategy 'multi_worker' needs TF_CONFIG, or a SLURM job step. TF_CONFIG is like {_EXAMPLE}.")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        kind, index, names = task["type"], int(task["index"]), set(config["cluster"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"TF_CONFIG cannot be read ({error!r}): {text}. It should be like {_EXAMPLE}.") from error
    wrong, listed = None, isinstance(workers, list) and all(isinstance(worker, str) for worker in workers)
    if not listed:
        wrong = f"the workers are a list of addresses; got {workers!r}"
    elif kind != "worker" or names != {"worker"}:
        wrong = f"every task is a 'worker', and worker 0 the chief; got task '{kind}' of {', '.join(sorted(names))}"
    elif not workers or len(set(workers)) < len(workers):
        wrong = f"each worker needs an address of its own; got {workers}"
    elif not all(map(_is_address, workers)):
        wrong = f"an address is host:port, with a port of 1 to 65535; got {workers}"
    elif not 0 <= index < len(workers):
        wrong = f"task index {index} is not among the {len(workers)} workers"
    if wrong:
        raise ValueError(f"TF_CONFIG is wrong: {wrong}. It should be like {_EXAMPLE}.")
    return Place(tuple(workers), index)


def _is_address(worker: str) -> bool:
    host, _, port = worker.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535


def join(wait_seconds: float) -> tf.distribute.Strategy:
    """A `MultiWorkerMirroredStrategy` over all workers; call it before TensorFlow does anything else.

    TensorFlow waits for absent workers as long as it takes. After `wait_seconds` this process says so and is killed:
    nothing can be caught, since TensorFlow does not come back.
    """
    here = place()
    resolver: Optional[tf.distribute.cluster_resolver.ClusterResolver] = None
    if not here.workers:
        try:
            resolver = tf.distribute.cluster_resolver.SlurmClusterResolver()
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise ValueError(f"SLURM does not say which hosts take part ({error}): start with `srun`.") from error
    who = f"worker {here.index} of {', '.join(here.workers) or 'the SLURM job step'}"
    try:
        with _at_most(wait_seconds, who):
            return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except (tf.errors.OpError, RuntimeError) as error:
        raise ValueError(
            f"{who} cannot take part ({first_line(error)}). Is its address one of this machine, and its port free?"
        ) from error


@contextlib.contextmanager
def whole():
    """Turns what TensorFlow raises when another host is gone into a `ConnectionError` that says what to do."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        raise ConnectionError(
            f"another host of the run is gone ({first_line(error)}). The newest checkpoint is kept: start the same "
            "command on all hosts again to continue."
        ) from error


# TensorFlow waits without giving other Python threads a turn, so the clock is a process.
_WATCH = """
import os, signal, sys, time
parent, seconds, message = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
end = time.monotonic() + seconds
while time.monotonic() < end:
    if os.getppid() != parent:
        sys.exit()
    time.sleep(0.2)
print(message, file=sys.stderr, flush=True)
os.kill(parent, signal.SIGKILL)
"""


@contextlib.contextmanager
def _at_most(seconds, who):
    """Ends the process when the body takes longer."""
    message = (
        f"error: {who} waited {seconds:g} s for the others to join. Start all workers, with the same addresses in "
        "TF_CONFIG, and see that they reach each other's ports."
    )
    watch = subprocess.Popen([sys.executable, "-c", _WATCH, str(os.getpid()), str(seconds), message])
    try:
        yield
    finally:
        watch.kill()
        watch.wait()
