"""The frame of a residual network asks for its blocks as it says."""

from __future__ import annotations

import pytest
import tensorflow as tf

from supcon_tf.networks.residual import residual_network

FRAME = {"image_shape": (16, 16, 3), "width": 0.25, "stem": "small_image", "cross_replica_batch_norm": False}


def test_blocks_are_asked_for_in_order_with_filters_strides_and_shortcuts():
    asked = []

    def block(x, *, filters, stride, project, norm, name):
        asked.append((name, filters, stride, project))
        return norm(name=f"{name}_norm")(tf.keras.layers.Conv2D(filters, 1, strides=stride, name=f"{name}_conv")(x))

    model = residual_network(block, (2, 1, 1, 2), name="mine", **FRAME)
    assert asked == [
        ("group1_block1", 16, 1, True),
        ("group1_block2", 16, 1, False),
        ("group2_block1", 32, 2, True),
        ("group3_block1", 64, 2, True),
        ("group4_block1", 128, 2, True),
        ("group4_block2", 128, 1, False),
    ]
    assert model.name == "mine" and model.output_shape == (None, 128)
    assert model.get_layer("group4_block2_conv").output.shape[1:] == (2, 2, 128)


@pytest.mark.parametrize(
    "change, message",
    [({"stem": "x"}, "`stem` must be"), ({"width": 0.01}, "at least 1/64"), ({"image_shape": (8, 8)}, "`image_shape`")],
)
def test_errors(change, message):
    with pytest.raises(ValueError, match=message):
        residual_network(lambda x, **_: x, (1,), name="mine", **{**FRAME, **change})
