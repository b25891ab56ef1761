"""How long a run will take: from a few updates, measured once, and less by what is done."""

from __future__ import annotations

import dataclasses
import json

import pytest

from experiments.tables import TABLES
from launch import catalogue
from supcon_tf.config import Data, Encoder, Experiment, Knn, Queue, Stage
from supcon_tf.run import speed
from supcon_tf.run.speed import Shape, Speeds
from supcon_tf.settings import override
from supcon_tf.tables import runs_of
from tests.marks import slow_but

TINY = Experiment(
    data=Data(name="digits"),
    encoder=Encoder(name="resnet18", width=0.0625),
    contrastive=Stage(epochs=4, batch_size=32, warmup_epochs=2),
    linear=Stage(epochs=2, batch_size=32),
)


@pytest.fixture
def timed(monkeypatch):
    """Stages that take 10 s to begin and 2 s an image in the contrastive stage, 1 s in the linear one."""
    asked = []

    def seconds_of(experiment, name, shape):
        asked.append(name)
        return 10.0, 2.0 if name == "contrastive" else 1.0

    monkeypatch.setattr(speed, "seconds_of", seconds_of)
    return asked


def test_hours_are_images_times_seconds_and_each_kind_of_stage_is_measured_once(timed, tmp_path):
    """Closed form: 1,258 images; 4 epochs at 2 s and 2 at 1 s, and two beginnings."""
    speeds = Speeds(tmp_path / "speed.json", str(tmp_path / "data"))
    assert speeds.hours(TINY) == pytest.approx((20 + 1258 * (4 * 2 + 2 * 1)) / 3600)
    assert speeds.hours(TINY) > 0 and timed == ["contrastive", "linear"]
    again = Speeds(tmp_path / "speed.json", str(tmp_path / "data"))
    assert again.hours(TINY) == speeds.hours(TINY) and len(timed) == 2
    assert len(json.loads((tmp_path / "speed.json").read_text())) == 2


def test_a_run_that_its_data_forbid_is_refused_with_the_plan(timed, tmp_path):
    """Else hours of other runs pass before it shows."""
    speeds = Speeds(tmp_path / "speed.json", str(tmp_path / "data"))
    few = dataclasses.replace(TINY, data=Data(name="digits", examples=96), knn=Knn(every=1))
    with pytest.raises(ValueError, match=r"at most the 96 training images; got 200"):
        speeds.hours(few)
    large = dataclasses.replace(few, knn=Knn(), linear=Stage(epochs=2, batch_size=128))
    with pytest.raises(ValueError, match="batch"):
        speeds.hours(large)
    assert timed == []


ON_DIGITS = [name for name, table in TABLES.items() if table.cells.get("digits")]


@pytest.mark.parametrize("name", slow_but(ON_DIGITS, ["few_labels"]))
def test_every_run_of_a_table_on_the_digits_may_begin(name, timed, tmp_path):
    speeds = Speeds(tmp_path / "speed.json", str(tmp_path / "data"))
    for run in runs_of([dataclasses.replace(cell, seeds=1) for cell in TABLES[name].of("digits")]):
        assert speeds.hours(override(catalogue.load(run.cell.experiment), dict(run.cell.settings))) > 0


def test_what_is_done_costs_nothing_more(timed, tmp_path):
    speeds = Speeds(tmp_path / "speed.json", str(tmp_path / "data"))
    records = [{"stage": "contrastive", "epoch": epoch} for epoch in range(1, 5)]
    assert speeds.hours(TINY, records[:1]) == pytest.approx((20 + 1258 * (3 * 2 + 2)) / 3600)
    assert speeds.hours(TINY, records) == pytest.approx((10 + 1258 * 2) / 3600)


def test_a_set_that_is_not_prepared_has_its_published_size(tmp_path):
    imagenet = dataclasses.replace(TINY, data=Data(name="imagenet2012", image_size=224))
    told = []
    shape = Shape(1_281_167, 1000, (224, 224, 3))
    assert speed._data_of(imagenet, str(tmp_path), speed.PUBLISHED["imagenet2012"], told.append) == (shape, None)
    assert told[0].startswith("imagenet2012: its published size is taken, since ")
    part = dataclasses.replace(imagenet, data=dataclasses.replace(imagenet.data, fraction=0.5, examples=1000))
    assert speed._data_of(part, str(tmp_path), speed.PUBLISHED["imagenet2012"], told.append)[0].examples == 1000
    with pytest.raises(ValueError, match="nobody"):
        speed._data_of(dataclasses.replace(TINY, data=Data(name="nobody")), str(tmp_path), None, told.append)


@pytest.mark.slow
@pytest.mark.parametrize("queue", [0, 64])
def test_updates_of_every_kind_of_stage_are_measured(queue):
    shape = Shape(1258, 10, (8, 8, 1))
    experiment = dataclasses.replace(TINY, queue=Queue(size=queue, momentum=0.9))
    for name in ("contrastive", "linear"):
        first, per_image = speed.seconds_of(experiment, name, shape, calls=2)
        assert first > 32 * per_image > 0  # the first traces
