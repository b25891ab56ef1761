"""What pixels become before an encoder: whitened by the data's moments, or brought to the range that it was made for.

The pipeline gives (value / 255 - mean) / std, channel by channel, so a range is a mean and a deviation, which take the
place of the data's own. They are written down with the run (`data.json`), where evaluation, export and embedding find
them. What no mean and deviation can say, blue before red, is a layer at the beginning of the network.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.encoders import AUTO, KERAS, WHITENED, form_of
from supcon_tf.names import nearest

# (mean, std) on the scale of 0..1, of which each pixel becomes (x - mean) / std. The last two are the modes of
# `keras.applications.imagenet_utils.preprocess_input`; "caffe" wants blue, green, red.
RANGES = {
    "0..255": ((0.0,), (1 / 255,)),
    "0..1": ((0.0,), (1.0,)),
    "-1..1": ((0.5,), (0.5,)),
    "torch": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,)),
}


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class BlueFirst(tf.keras.layers.Layer):
    """Channels in the other order: red, green, blue become blue, green, red, as networks of Caffe want them.

    Call:
        x: [..., ch].
        Returns the same shape and type.

    Example:
        >>> BlueFirst()(tf.constant([[1.0, 2.0, 3.0]])).numpy().tolist()
        [[3.0, 2.0, 1.0]]
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x[..., ::-1]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def pixel_scaling(
    name: str, pixels: str = AUTO, *, channels: int
) -> Optional[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Mean and deviation that the encoder called `name` wants its images whitened by.

    Args:
        name: as of `build_encoder`.
        pixels: "auto", "whitened", or a range (`RANGES`).
        channels: ch.

    Returns:
        (mean, std), ch values each, on the scale of 0..1; None where they are the data's own.

    Raises:
        ValueError: unknown network, or a range of red, green and blue for images of another number of channels.

    Example:
        >>> pixel_scaling("resnet18", channels=1) is None
        True
        >>> pixel_scaling("keras:MobileNetV2", channels=3)
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    """
    wanted = range_of(name, pixels)
    if wanted == WHITENED:
        return None
    mean, std = RANGES[wanted]
    if len(mean) not in (1, channels):
        raise ValueError(
            f"encoder '{name}' takes images of red, green and blue (pixels '{wanted}'); these have {channels} "
            f"channel{'s' if channels > 1 else ''}. Take another encoder, for instance resnet50."
        )
    return _of_each(mean, channels), _of_each(std, channels)


def _of_each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values


def range_of(name: str, pixels: str = AUTO) -> str:
    """One of `RANGES`, or "whitened": what pixels become before the encoder called `name`.

    The rule of a network of `tf.keras.applications` is that of the `preprocess_input` of its module, which is called.

    Raises:
        ValueError: unknown network, or one whose rule is none of `RANGES`.

    Example:
        >>> range_of("keras:ResNet50"), range_of("keras:EfficientNetB0"), range_of("my.nets:small")
        ('caffe', '0..255', 'whitened')
    """
    if pixels != AUTO:
        return pixels
    if form_of(name) != "keras":
        return WHITENED
    rule = sys.modules[application(name).__module__].preprocess_input
    probe = np.array([[[[0.0, 100.0, 255.0], [17.0, 3.0, 80.0]]]], np.float32)  # [1, 1, 2, 3]
    found = np.asarray(rule(probe.copy(), data_format="channels_last"))
    for known, (mean, std) in RANGES.items():
        expected = (probe / 255 - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
        expected = expected[..., ::-1] if known == "caffe" else expected
        if np.allclose(found, expected, atol=1e-4):
            return known
    raise ValueError(f"the rule of {name} for pixels is none of {', '.join(RANGES)}: say one with encoder.pixels.")


def application(name: str) -> Callable[..., tf.keras.Model]:
    """The function of `tf.keras.applications` that `keras:NAME` names.

    Raises:
        ValueError: there is none.

    Example:
        >>> application("keras:resnet5")
        Traceback (most recent call last):
        ValueError: `encoder`: tf.keras.applications has no network 'resnet5'. Did you mean `ResNet50`?
    """
    wanted, rooms = name.removeprefix(KERAS), tf.keras.applications
    names = [key for key in dir(rooms) if key[0].isupper() and callable(getattr(rooms, key))]
    known: dict[str, Callable[..., tf.keras.Model]] = {key: getattr(rooms, key) for key in names}
    if wanted in known:
        return known[wanted]
    lower = {key.lower(): key for key in known}
    hint = nearest(wanted.lower(), lower)
    close = hint.split("`")[1] if hint else ""
    raise ValueError(
        f"`encoder`: tf.keras.applications has no network '{wanted}'."
        + (f" Did you mean `{lower[close]}`?" if close else f" It has {', '.join(known)}.")
    )
