"""A finished run that several tests look at."""

from __future__ import annotations

import dataclasses

import pytest

from supcon_tf import settings
from supcon_tf.config import Data, Encoder, Experiment, Projection, Stage
from supcon_tf.networks.networks import build_networks
from supcon_tf.run.experiment import run_experiment

TRAINED = Experiment(
    name="tests.trained",
    data=Data(name="digits", examples=64),
    encoder=Encoder(name="resnet18", width=0.0625),
    projection=Projection(widths=(8,), last_batch_norm=True),
    contrastive=Stage(epochs=1, batch_size=32),
    linear=Stage(epochs=1, batch_size=32),
)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """The directory of a run of both stages on 64 digits; tests copy it before they change it."""
    directory = tmp_path_factory.mktemp("trained") / "run"
    run_experiment(TRAINED, directory, write_report=False)
    return directory


def in_colours(trained, **changes):
    """Untrained networks of RGB images, in the place of the run's."""
    encoder = Encoder(width=0.0625, normalize_features=changes.pop("unit", True))
    experiment = settings.override(TRAINED, {"encoder.normalize_features": encoder.normalize_features})
    networks = build_networks(encoder, TRAINED.projection, image_shape=(8, 8, 3), classes=10)
    image = {**trained.image, "shape": [8, 8, 3], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], **changes}
    return dataclasses.replace(trained, experiment=experiment, networks=networks, image=image)
