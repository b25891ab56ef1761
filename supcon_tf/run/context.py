"""What every part of a run needs."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Optional

import tensorflow as tf

from supcon_tf.config import Experiment
from supcon_tf.data.sets.source import Source
from supcon_tf.data.sets.tfds_files import own_logging
from supcon_tf.keras_generations import own_random_state
from supcon_tf.networks.networks import Networks
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.report import RunningReport


@dataclasses.dataclass(frozen=True)
class RunContext:
    """Devices, data, networks and directories of a run.

    Attributes:
        experiment: what is run.
        directory: of the run.
        written: where this host writes: the same for the chief.
        strategy: of the networks.
        source: the data set.
        size: S, the side of the images that the encoder sees.
        networks: in their first state.
        page: written as the run goes on, by the chief.
    """

    experiment: Experiment
    directory: RunDirectory
    written: RunDirectory
    strategy: tf.distribute.Strategy
    source: Source
    size: int
    networks: Networks
    page: Optional[RunningReport] = None


@contextlib.contextmanager
def own_state(experiment: Experiment):
    """A block with the experiment's seed and precision policy; those of the caller, and logging, stay as they were."""
    policy = tf.keras.mixed_precision.global_policy()
    with own_random_state(experiment.seed), own_logging():
        tf.keras.mixed_precision.set_global_policy(experiment.precision)
        try:
            yield
        finally:
            tf.keras.mixed_precision.set_global_policy(policy)
