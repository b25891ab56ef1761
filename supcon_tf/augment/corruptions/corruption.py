"""Corruptions by name: the one door to this folder. `constants` has the numbers, the other files the functions.

How it is meant: accuracy on corrupted test images says how well a trained network stands what training never showed.
Corrupt first, then whiten; never train on them.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Optional

import numpy as np

from supcon_tf.augment.corruptions import defocus, elastic, fog, frost, glass, light, motion, noise, snow, storage, zoom
from supcon_tf.augment.corruptions.constants import CONSTANTS, FROST_STEPS
from supcon_tf.augment.corruptions.levels import require_image
from supcon_tf.augment.corruptions.randomness import generator, require_seed
from supcon_tf.names import CORRUPTION_SCALES, CORRUPTIONS, SEVERITIES, one_of

Corruption = Callable[[np.ndarray, Any], np.ndarray]  # (image [H, W, ch], seed) -> [H, W, ch], both uint8

# Each a function of (image, draws, constants): uint8 [H, W, ch] to the same.
FUNCTIONS = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "defocus_blur": defocus.defocus_blur,
    "glass_blur": glass.glass_blur,
    "motion_blur": motion.motion_blur,
    "zoom_blur": zoom.zoom_blur,
    "snow": snow.snow,
    "frost": frost.frost,
    "fog": fog.fog,
    "brightness": light.brightness,
    "contrast": light.contrast,
    "elastic_transform": elastic.elastic_transform,
    "pixelate": storage.pixelate,
    "jpeg_compression": storage.jpeg_compression,
}
# They draw nothing: on images of 32 pixels, to make a generator would take as long as to corrupt.
WITHOUT_CHANCE = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression")


def corruption(
    name: str, severity: int, *, scale: str = "large", frost_dir: Optional[frost.Folder] = None
) -> Corruption:
    """A function that corrupts an image; the same (image, seed) gives the same pixels.

    Args:
        name: one of `names.CORRUPTIONS`.
        severity: 1 to 5.
        scale: "large" has the constants of ImageNet-C (224 pixels), "small" those of CIFAR-10-C (32). They are pixels,
            and do not follow the size of the image.
        frost_dir: folder with textures of frost; None generates one. Other corruptions do not look at it.

    Returns:
        A pure function of image uint8 [H, W, ch], ch = 1 or 3, and seed, an integer or a pair of them, to uint8
        [H, W, ch]. It can be pickled, and raises ValueError for another image or seed.

    Raises:
        ValueError: there is no such name, severity or scale, or `frost_dir` has no pictures.

    Example:
        >>> corrupt = corruption("gaussian_noise", 3, scale="small")
        >>> image = np.full([32, 32, 3], 128, np.uint8)
        >>> np.array_equal(corrupt(image, (0, 7)), corrupt(image, (0, 7)))
        True
        >>> corrupt(image, (0, 8)).dtype
        dtype('uint8')
        >>> import tensorflow as tf
        >>> data = tf.data.Dataset.from_tensors(image).enumerate()
        >>> data = data.map(lambda number, x: tf.numpy_function(corrupt, [x, number], tf.uint8))
        >>> next(iter(data)).shape
        TensorShape([32, 32, 3])
    """
    function = FUNCTIONS[one_of("corruption", name, CORRUPTIONS)]
    constants = CONSTANTS[one_of("scale", scale, CORRUPTION_SCALES)][name][_severity(severity) - 1]
    if name == "frost" and frost_dir is not None:
        textures = frost.load_textures(frost_dir, step=FROST_STEPS[scale])
        function = functools.partial(function, textures=textures)
    return functools.partial(_corrupt, function=function, constants=constants, name=name, severity=int(severity))


def corrupted(
    images: np.ndarray,
    name: str,
    severity: int,
    *,
    scale: str = "large",
    seed: int = 0,
    numbers: Optional[np.ndarray] = None,
    frost_dir: Optional[frost.Folder] = None,
) -> np.ndarray:
    """Corrupted copies of images; each has a seed of its own, (seed, number).

    An image is corrupted in the same way whatever lies beside it: hand over its number in the data set, and a part, a
    batch or another order gives the same images.

    Args:
        images: uint8 [n, H, W, ch], ch = 1 or 3.
        name, severity, scale, frost_dir: as in `corruption`.
        seed: of the whole set.
        numbers: int [n], which image of the set each one is; None counts from 0.

    Returns:
        uint8 [n, H, W, ch].

    Raises:
        ValueError: as `corruption`; or `images` is no such array, or there is not one number an image.

    Example:
        >>> images = np.full([4, 8, 8, 3], 128, np.uint8)
        >>> whole = corrupted(images, "snow", 2)
        >>> part = corrupted(images[2:], "snow", 2, numbers=[2, 3])
        >>> np.array_equal(whole[2:], part)
        True
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"`corrupted` takes uint8 images [n, height, width, ch]; got {images.dtype} of shape {images.shape}. One "
            "image is `images[None]`."
        )
    numbers = np.arange(len(images)) if numbers is None else np.asarray(numbers)
    if numbers.shape != (len(images),):
        raise ValueError(
            f"`numbers` needs one integer an image, shape ({len(images)},); got shape {numbers.shape}. Leave it out to "
            "count from 0."
        )
    corrupt = corruption(name, severity, scale=scale, frost_dir=frost_dir)
    result = np.empty(images.shape, np.uint8)
    for place, number in enumerate(numbers.tolist()):
        result[place] = corrupt(images[place], (seed, number))
    return result


def is_published(name: str, frost_dir: Optional[frost.Folder] = None) -> bool:
    """Whether a corruption is the published one: all are but frost, which needs the authors' textures.

    A mean that includes another frost is no mCE.

    Args:
        name: one of `names.CORRUPTIONS`.
        frost_dir: as in `corruption`. Its pictures are known by their names.

    Raises:
        ValueError: there is no such corruption.

    Example:
        >>> is_published("fog"), is_published("frost")
        (True, False)
    """
    return one_of("corruption", name, CORRUPTIONS) != "frost" or frost.has_published(frost_dir)


def label(name: str, frost_dir: Optional[frost.Folder] = None) -> str:
    """What a table calls a corruption: its name, and for frost that is not the published one where it is from.

    Args:
        name, frost_dir: as in `is_published`.

    Raises:
        ValueError: there is no such corruption.

    Example:
        >>> label("fog"), label("frost"), label("frost", "my/textures")
        ('fog', 'frost (generated)', 'frost (own textures)')
    """
    if is_published(name, frost_dir):
        return name
    return f"{name} ({'generated' if frost_dir is None else 'own textures'})"


def _corrupt(
    image: np.ndarray, seed: Any, *, function: Callable, constants: tuple, name: str, severity: int
) -> np.ndarray:
    image, seed = require_image(image), require_seed(seed)
    return function(image, None if name in WITHOUT_CHANCE else generator(seed, name, severity), *constants)


def _severity(severity: Any) -> int:
    """The severity, once it is sure that it is one."""
    if severity not in SEVERITIES:
        raise ValueError(
            f"`severity` must be a whole number from {SEVERITIES[0]} to {SEVERITIES[-1]}; got {severity!r}."
        )
    return int(severity)
