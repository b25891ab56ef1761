"""What an encoder can be called, and what goes with what."""

from __future__ import annotations

import pytest

from supcon_tf import settings
from supcon_tf.config import Experiment, Stage
from supcon_tf.encoders import Encoder, form_of


@pytest.mark.parametrize(
    "name, form",
    [("resnext101", "own"), ("keras:ResNet50", "keras"), ("a.b_c:make", "function"), ("x/y.keras", "file"),
     ("C.h5", "file"), ("supcon.PTH", "file")],
)  # fmt: skip
def test_forms(name, form):
    assert form_of(name) == form


@pytest.mark.parametrize(
    "name, said",
    [
        ("resnet5", r"`Encoder.name` must be one of resnet18, .*; got 'resnet5'\. Did you mean 'resnet50'\?$"),
        ("MobileNetV2", r"got 'MobileNetV2'\..* A network of tf.keras.applications is called keras:MobileNetV2\.$"),
        ("my nets:small", r"or keras:NAME .*, MODULE:FUNCTION, or a file .*; got 'my nets:small'\.$"),
        ("models/net", r"MODULE:FUNCTION.*; got 'models/net'\.$"),
    ],
)
def test_what_is_no_name_is_refused(name, said):
    with pytest.raises(ValueError, match=said):
        Encoder(name=name)


@pytest.mark.parametrize("wrong", [{"width": 0.5}, {"stem": "image"}])
def test_what_only_own_networks_read_is_refused_for_others(wrong):
    Encoder(name="resnet18", **wrong)
    with pytest.raises(ValueError, match=r"`encoder.width` and `encoder.stem` are read by .* own networks alone"):
        Encoder(name="keras:ResNet50", **wrong)


def test_of_a_file_pixels_must_be_said():
    with pytest.raises(ValueError, match=r"does not say what pixels become.*whitened, 0\.\.255.*caffe"):
        Encoder(name="x.keras")
    assert Encoder(name="x.keras", pixels="torch").pixels == "torch"


def test_an_empty_beginning_of_a_name_is_refused():
    with pytest.raises(ValueError, match="beginnings of names of layers; got an empty one"):
        Encoder(frozen=("conv", ""))


def test_a_command_line_says_all_of_it():
    experiment = Experiment(contrastive=Stage(epochs=1))
    by_name = {setting.name: setting for setting in settings.settings(experiment)}
    values = {"encoder.name": "keras:ResNet50", "encoder.frozen": by_name["encoder.frozen"].parse("conv1,conv2_")}
    encoder = settings.override(experiment, values).encoder
    assert encoder == Encoder(name="keras:ResNet50", frozen=("conv1", "conv2_"))
    with pytest.raises(ValueError, match=r"`encoder.name` must be one of"):
        settings.override(experiment, {"encoder.name": "resnet5"})
