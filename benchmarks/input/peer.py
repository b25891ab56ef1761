"""The augmentation policies written with Pillow and NumPy, image by image, in torchvision's default way.

The peer of `launch.benchmark input`, and what `tests/augment/test_against_pillow.py` compares with: the same steps with
the same chances as `supcon_tf.augment.policies`, from a random generator of NumPy. Boxes are drawn as in the authors'
code. Resizing is Pillow's, with a low-pass filter where it shrinks.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from supcon_tf.augment.autoaugment import SUB_POLICIES
from supcon_tf.augment.operations import CUTOUT, OPERATIONS, TRANSLATE

GREY = (128, 128, 128)


def view(image, random, *, policy, size, crop_area, flip=True, strength, blur_probability, jitter_probability=0.8,
         grayscale_probability=0.2, auto_policy="imagenet", rand_layers=2, rand_magnitude=10.0,
         stacked_order="code") -> np.ndarray:  # fmt: skip
    """One view: a Pillow image RGB -> float32 [S, S, 3] in [0, 1]."""
    image = _crop(image, random, size, crop_area)
    if flip and random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if policy == "auto_augment":
        image = _auto_augment(image, random, auto_policy)
    if policy == "rand_augment" or (policy == "stacked_rand_augment" and stacked_order == "paper"):
        image = _rand_augment(image, random, rand_layers, rand_magnitude)
    if policy in ("sim_augment", "stacked_rand_augment") and random.random() < jitter_probability:
        image = _jitter(image, random, strength)
    if policy == "stacked_rand_augment" and stacked_order == "code":
        image = _rand_augment(image, random, rand_layers, rand_magnitude)
    if policy in ("sim_augment", "stacked_rand_augment"):
        if random.random() < grayscale_probability:
            image = image.convert("L").convert("RGB")
        if random.random() < blur_probability:
            image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))
    return np.asarray(image).astype(np.float32) / 255


def whiten(image: np.ndarray, mean: tuple, std: tuple) -> np.ndarray:
    """Zero mean and unit deviation, float32 [S, S, 3]."""
    side = image.shape[1]
    rows = image.reshape(-1, 3 * side)  # NumPy is four times as fast along rows as along the three channels.
    return ((rows - np.tile(np.float32(mean), side)) / np.tile(np.float32(std), side)).reshape(image.shape)


def _crop(image, random, size, area_range):
    box = _box(*image.size, random, area_range)
    return image.crop(box).resize((size, size), Image.Resampling.BILINEAR)


def _box(width, height, random, area_range):
    """The authors' box, (left, top, right, bottom): an aspect, then one of the heights that the area allows."""
    for _ in range(100):
        aspect = random.uniform(3 / 4, 4 / 3)
        least, most = (round(math.sqrt(share * width * height / aspect)) for share in area_range)
        most = min(most, height, math.floor((width + 0.5) / aspect))
        tall = random.integers(min(least, most), most + 1)
        wide = round(tall * aspect)
        if area_range[0] <= wide * tall / (width * height) <= area_range[1] and wide <= width and tall <= height:
            left, top = random.integers(width - wide + 1), random.integers(height - tall + 1)
            return left, top, left + wide, top + tall
    return 0, 0, width, height


def _auto_augment(image, random, policy):
    for name, probability, level in SUB_POLICIES[policy][random.integers(25)]:
        if random.random() < probability:
            image = operate(image, name, level, random)
    return image


def _rand_augment(image, random, layers, magnitude):
    for _ in range(layers):
        image = operate(image, list(OPERATIONS)[random.integers(len(OPERATIONS))], magnitude, random)
    return image


def _jitter(image, random, strength):
    low, high = max(0.0, 1 - 0.8 * strength), 1 + 0.8 * strength
    for change in random.permutation(4):
        if change == 3:
            image = _turn_hue(image, random.uniform(-0.2 * strength, 0.2 * strength))
        else:
            enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[change]
            image = enhance(image).enhance(random.uniform(low, high))
    return image


def _turn_hue(image, turn):
    hue, saturation, value = image.convert("HSV").split()
    hue = np.asarray(hue) + np.uint8(round(turn * 255) % 256)  # uint8 wraps around as hue does
    return Image.merge("HSV", (Image.fromarray(hue), saturation, value)).convert("RGB")


def operate(image, name, level, random):
    """An operation of AutoAugment by name, on the scale of `supcon_tf.augment.operations`."""
    sign, size = random.choice([-1, 1]), image.size[0]
    factor, shift = 0.18 * level + 0.1, int(sign * level / 10 * TRANSLATE * size)
    changes = {
        "AutoContrast": lambda: ImageOps.autocontrast(image),
        "Equalize": lambda: ImageOps.equalize(image),
        "Invert": lambda: ImageOps.invert(image),
        "Rotate": lambda: image.rotate(sign * 3 * level, fillcolor=GREY),
        "Posterize": lambda: ImageOps.posterize(image, max(int(0.4 * level), 1)),
        "Solarize": lambda: ImageOps.solarize(image, int(25.6 * level)),
        "SolarizeAdd": lambda: image.point([min(v + int(11 * level), 255) if v < 128 else v for v in range(256)] * 3),
        "Color": lambda: ImageEnhance.Color(image).enhance(factor),
        "Contrast": lambda: ImageEnhance.Contrast(image).enhance(factor),
        "Brightness": lambda: ImageEnhance.Brightness(image).enhance(factor),
        "Sharpness": lambda: ImageEnhance.Sharpness(image).enhance(factor),
        "ShearX": lambda: _affine(image, (1, sign * 0.03 * level, 0, 0, 1, 0)),
        "ShearY": lambda: _affine(image, (1, 0, 0, sign * 0.03 * level, 1, 0)),
        "TranslateX": lambda: _affine(image, (1, 0, shift, 0, 1, 0)),
        "TranslateY": lambda: _affine(image, (1, 0, 0, 0, 1, shift)),
        "Cutout": lambda: _cutout(image, int(level / 10 * CUTOUT * size), random),
        "Identity": lambda: image,
    }
    return changes[name]()


def _affine(image, matrix):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=GREY)


def _cutout(image, half, random):
    image, (column, row) = image.copy(), random.integers(0, image.size)
    image.paste(GREY, (max(column - half, 0), max(row - half, 0), column + half, row + half))
    return image
