"""Three steps of each stage of the whole trainer on R logical replicas: `python -m tests.distributed.trainer OUT R`.

R = 0 is one worker of the cluster that TF_CONFIG describes.

Data, views, schedules, both stages (LARS, then SGD with momentum), evaluation and files are those of
`run_experiment`; only the networks are small. In a process of its own, as `tests.distributed.replicas`. Weights and
records end in `OUT/weights.npz` and the run's own `metrics.jsonl`. A third argument changes that: `no gather` is the
control, replicas that do not see each other's images; `impatient` waits 5 s for other workers; `long` trains for 500
epochs; `queue` has a queue that wraps around; `last` a head that ends in batch norm; `kills` has one too, and trains
for 100 epochs, in micro-batches, two steps a call, with a checkpoint every two, with the head of `last`; `kills
local` the same with local batch norm; `stops` asks itself to stop after two steps.
"""

from __future__ import annotations

import functools
import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("NO_GCE_CHECK", "true")

import numpy as np

from launch.endings import plain_endings
from supcon_tf.config import Data, Experiment, Loss, Queue, Stage, Train
from supcon_tf.distribution.strategy import is_chief
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.run import recipe
from supcon_tf.run.experiment import run_experiment
from supcon_tf.training.reporting import Reporter
from tests import tiny
from tests.distributed.replicas import allow_waiting

STAGE = {"batch_size": 16, "weight_decay": 1e-3, "decayed": ("kernels", "biases")}


def experiment(replicas: int, control: str) -> Experiment:
    """48 digits in batches of 16: three steps an epoch."""
    kills = control.startswith("kills")
    stage = {**STAGE, "epochs": 100 if kills else 500 if control == "long" else 1}
    return Experiment(
        name="tests.trainer",
        seed=3,
        strategy={0: "multi_worker", 1: "one_device"}.get(replicas, "mirrored"),
        replicas=replicas,
        wait_seconds=5.0 if control == "impatient" else 60.0,
        cross_replica_batch_norm=control != "kills local",
        data=Data(name="digits", examples=48),
        loss=Loss(temperature=0.2),
        queue=Queue(size=40 if kills or control == "queue" else 0, momentum=0.9),
        train=Train(microbatches=2, steps_per_call=2, checkpoint_every=2) if kills else Train(),
        contrastive=Stage(**stage, optimizer="lars", base_learning_rate=8.0),
        linear=Stage(**stage, optimizer="momentum", base_learning_rate=1.0, label_smoothing=0.1),
    )


def main(directory: pathlib.Path, replicas: int, control: str) -> None:
    allow_waiting(max(replicas, 1))
    made = []

    def small_networks(encoder, projection, *, cross_replica_batch_norm, **_):
        del encoder, projection
        head = {"last_batch_norm": control == "last" or control.startswith("kills")}
        made.append(tiny.tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm, classes=10, **head))
        return made[-1]

    if control == "no gather":
        recipe.supervised_contrastive_loss = functools.partial(supervised_contrastive_loss, cross_replica=False)
    if control == "stops":
        _stop_after(2)
    plan = experiment(replicas, control)
    with plain_endings():
        run_experiment(plan, directory, write_report=False, make_networks=small_networks)
    weights = [weight.numpy() for networks in made for part in networks.parts().values() for weight in part.weights]
    if is_chief(plan.strategy):
        np.savez(directory / "weights.npz", *weights)


def _stop_after(steps: int) -> None:
    """SIGTERM comes after so many steps."""
    advance, done = Reporter.advance, []

    def interrupt(reporter, count=1):
        advance(reporter, count)
        done.extend([1] * count)
        if len(done) == steps:
            signal.raise_signal(signal.SIGTERM)

    Reporter.advance = interrupt


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), " ".join(sys.argv[3:]))
