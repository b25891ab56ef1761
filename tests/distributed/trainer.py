"""Three steps of each stage of the whole trainer on R logical replicas: `python -m tests.distributed.trainer OUT R`.

Data, views, schedules, both stages, evaluation and files are those of `run_experiment`; only the encoder is small. In
a process of its own, as `tests.distributed.replicas`. Weights and records end in `OUT/weights.npz` and the run's own
`metrics.jsonl`. A third argument, `no gather`, makes the control: replicas that do not see each other's images.
"""

from __future__ import annotations

import functools
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("NO_GCE_CHECK", "true")

import numpy as np

from supcon_tf import run
from supcon_tf.config import Data, Experiment, Loss, Stage, Train
from supcon_tf.training import steps
from tests import tiny
from tests.distributed.replicas import allow_waiting

STAGE = {"epochs": 1, "batch_size": 16, "base_learning_rate": 1.0, "weight_decay": 1e-3}


def experiment(replicas: int, microbatches: int = 1) -> Experiment:
    """48 digits in batches of 16: three steps of each stage."""
    return Experiment(
        name="tests.trainer",
        seed=3,
        strategy="mirrored" if replicas > 1 else "one_device",
        replicas=replicas,
        data=Data(name="digits", examples=48),
        loss=Loss(temperature=0.2),
        train=Train(microbatches=microbatches),
        contrastive=Stage(**STAGE, optimizer="nesterov"),
        linear=Stage(**STAGE, label_smoothing=0.1),
    )


def main(directory: pathlib.Path, replicas: int, control: str) -> None:
    allow_waiting(replicas)
    found = {}

    def small_networks(encoder, projection, *, cross_replica_batch_norm, **_):
        del encoder, projection
        found["networks"] = tiny.tiny_networks(cross_replica_batch_norm=cross_replica_batch_norm, classes=10)
        return found["networks"]

    run.build_networks = small_networks
    if control == "no gather":
        steps.supervised_contrastive_loss = functools.partial(steps.supervised_contrastive_loss, cross_replica=False)
    run.run_experiment(experiment(replicas), directory, write_report=False)
    weights = [weight.numpy() for part in found["networks"].parts().values() for weight in part.weights]
    np.savez(directory / "weights.npz", *weights)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), " ".join(sys.argv[3:]))
