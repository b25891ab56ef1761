"""A finished run that several tests look at."""

from __future__ import annotations

import pytest

from supcon_tf.config import Data, Encoder, Experiment, Projection, Stage
from supcon_tf.run.experiment import run_experiment

TRAINED = Experiment(
    name="tests.trained",
    data=Data(name="digits", examples=64),
    encoder=Encoder(name="resnet18", width=0.0625),
    projection=Projection(widths=(8,)),
    contrastive=Stage(epochs=1, batch_size=32),
    linear=Stage(epochs=1, batch_size=32),
)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """The directory of a run of both stages on 64 digits; tests copy it before they change it."""
    directory = tmp_path_factory.mktemp("trained") / "run"
    run_experiment(TRAINED, directory, write_report=False)
    return directory
