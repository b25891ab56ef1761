"""Every name builds the network it says."""

from __future__ import annotations

import pytest

from supcon_tf.networks.registry import ENCODERS, build_encoder
from tests.oracles import resnet as oracle


def test_names():
    assert ENCODERS[:6] == ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200")
    assert ENCODERS[6:] == ("resnext50", "resnext101", "resnext152", "resnext200")


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_name_and_arguments_reach_the_network(name):
    model = build_encoder(name, image_shape=(8, 8, 1), width=1 / 16, stem="small_image", cross_replica_batch_norm=False)
    depth = int(name[len("resnet") :])
    assert model.name == name
    assert model.input_shape == (None, 8, 8, 1)
    trainable = oracle.trainable_count(depth, width=1 / 16, channels=1, stem="small_image")
    assert sum(weight.numpy().size for weight in model.trainable_weights) == trainable
    assert model.get_layer("stem_norm").synchronized is False


@pytest.mark.slow
def test_a_resnext_is_one():
    model = build_encoder("resnext50", image_shape=(8, 8, 1), width=0.5, stem="small_image")
    assert model.name == "resnext50" and model.output_shape == (None, 1024)
    assert model.get_layer("group1_block1_conv2").groups == 64 and model.get_layer("stem_norm").synchronized is True


def test_what_a_resnext_refuses_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"`width` must give ResNeXt a multiple of 64 filters.*multiple of 0\.5 does"):
        build_encoder("resnext50", image_shape=(8, 8, 1), width=0.25)


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"`encoder` must be one of resnet18, .*; got 'resnet51'\. Did you mean 'resnet50'\?"
    ):
        build_encoder("resnet51", image_shape=(8, 8, 3))
    with pytest.raises(ValueError, match=r"`encoder` must be one of resnet18, .*resnext200; got 'vit'\.$"):
        build_encoder("vit", image_shape=(8, 8, 3))
