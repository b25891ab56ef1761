"""How a model file of anybody wants images: their size, and what pixels become before it."""

from __future__ import annotations

import tensorflow as tf

from supcon_tf.config import Model
from supcon_tf.networks.pixels import RANGES
from supcon_tf.run.model_loading import Loaded


def image_of(loaded: Loaded, how: Model) -> dict:
    """How a model wants an image, for the pipeline and for `seen`.

    Args:
        loaded: the model.
        how: what was said of it.

    Returns:
        "shape" [S, S, ch], "crop" and "padding" of the evaluation crop, "mean" and "std" on the scale of 0..1, "range"
        (of `names.PIXEL_RANGES`, or ""), "dtype".

    Raises:
        ValueError: too little is said, or the model takes other images.
    """
    height, width, channels = loaded.shape
    if channels is None:
        channels = 3 if how.range in ("torch", "caffe") or len(how.mean) == 3 else None
    if channels is None:
        raise ValueError(
            "the model does not say how many channels its images have; --model.mean of 1 or 3 values does."
        )
    sides = {side for side in (height, width) if side is not None}
    if len(sides) > 1 or (how.size and sides - {how.size}):
        wanted = f"--model.size={how.size}" if how.size else "a square"
        raise ValueError(f"the model takes images of {height} x {width} pixels, and not {wanted}.")
    size = how.size or next(iter(sides), 0)
    if not size:
        raise ValueError("the model takes images of any size: say which with --model.size.")
    mean, std, name = _scaling(loaded, how)
    mean, std = (values * channels if len(values) == 1 else values for values in (mean, std))
    if not len(mean) == len(std) == channels:
        raise ValueError(f"the model takes {channels} channels; got mean {list(mean)} and std {list(std)}.")
    crop = {"crop": how.crop or "crop_then_resize", "padding": how.padding or 0}
    scaled = {"mean": list(mean), "std": list(std), "range": name, "dtype": loaded.dtype.name}
    return {"shape": [size, size, channels], **crop, **scaled}


def _scaling(loaded: Loaded, how: Model) -> tuple:
    """Mean, std, and the name of the range, "" where it has none."""
    if how.mean:
        return how.mean, how.std, ""
    if loaded.dtype.is_integer and how.range in (None, "0..255"):
        return *RANGES["0..255"], "0..255"
    if how.range is None or loaded.dtype.is_integer:
        raise ValueError(
            "say what pixels become before the model: --model.range=0..255 where it scales them itself, 0..1, -1..1, "
            "torch or caffe (modes of keras.applications), or --model.mean and --model.std. Integers are 0..255 only."
        )
    return *RANGES[how.range], how.range


def seen(loaded: Loaded, image: dict, images: tf.Tensor) -> tuple:
    """Features and answers of images as the pipeline has them: scaled, red first, float32 [B, S, S, ch]."""
    if image["range"] == "caffe":
        images = images[..., ::-1]
    if loaded.dtype.is_integer:
        images = tf.round(images)
    return loaded.call(tf.cast(images, loaded.dtype))
