"""Corruptions as one writes them with SciPy and scikit-image, an image at a time: peers of `launch.benchmark evaluate`.

Each is a function of (image uint8 [H, W, 3], random generator, the constants of `supcon_tf.augment.corruptions`). The
same corruption, not the same pixels: random choices differ, and so does what a library does at borders. Photons,
contrast, frost's sum, pixels and JPEG are NumPy's and Pillow's on both sides: no other version of them is known.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import color, filters, morphology, transform, util

SAME = ("shot_noise", "contrast", "frost", "pixelate", "jpeg_compression")  # on both sides the same library


def levels(values: np.ndarray) -> np.ndarray:
    """float [...] on the [0, 1] scale -> uint8 [...]."""
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def gaussian_noise(image, random, deviation):
    """scikit-image's noise."""
    return levels(util.random_noise(image, "gaussian", rng=random, var=deviation**2))


def shot_noise(image, random, photons):
    """NumPy's Poisson numbers; those of scikit-image have no number of photons."""
    return levels(random.poisson(image / 255 * photons) / photons)


def impulse_noise(image, random, share):
    """scikit-image's salt and pepper."""
    return levels(util.random_noise(image, "s&p", rng=random, amount=share))


def defocus_blur(image, random, radius, softness):
    """scikit-image's disc, softened, and SciPy's convolution of each channel."""
    disc = np.pad(morphology.disk(int(radius), dtype=float), 2)
    kernel = filters.gaussian(disc / disc.sum(), softness, mode="constant")
    return levels(_each(lambda channel: ndimage.convolve(channel, kernel, mode="mirror"), image / 255))


def glass_blur(image, random, deviation, reach, rounds):
    """scikit-image's Gaussian, and pixels taken from nearby in a loop."""
    image = levels(filters.gaussian(image / 255, deviation, channel_axis=-1))
    height, width = image.shape[:2]
    for _ in range(rounds):
        for row in range(height - reach, reach, -1):
            for column in range(width - reach, reach, -1):
                down, across = random.integers(-reach, reach, size=2)
                image[row, column] = image[row + down, column + across]
    return levels(filters.gaussian(image / 255, deviation, channel_axis=-1))


def motion_blur(image, random, radius, deviation):
    """SciPy's convolution of each channel with a line."""
    kernel = _line(radius, deviation, random.uniform(-45, 45))
    return levels(_each(lambda channel: ndimage.correlate(channel, kernel, mode="nearest"), image / 255))


def zoom_blur(image, random, stop, step):
    """SciPy's zoom, once for each magnification."""
    values = image / 255
    factors = np.arange(1, stop, step)
    return levels((values + sum(_zoomed(values, factor) for factor in factors)) / (len(factors) + 1))


def snow(image, random, mean, deviation, magnification, threshold, radius, fall, image_share):
    """SciPy's zoom and convolution, scikit-image's grey."""
    values = image / 255
    flakes = _zoomed(random.normal(mean, deviation, [*image.shape[:2], 1]), magnification)[..., 0]
    flakes = np.clip(np.where(flakes < threshold, 0, flakes), 0, 1)
    layer = ndimage.correlate(flakes, _line(radius, fall, random.uniform(-135, -45)), mode="nearest")[..., None]
    paler = np.maximum(values, color.rgb2gray(values)[..., None] * 1.5 + 0.5)
    return levels(image_share * values + (1 - image_share) * paler + layer + layer[::-1, ::-1])


def frost(image, random, image_share, texture_share, *, textures):
    """NumPy's sum of the image and a part of a texture."""
    texture = textures[random.integers(len(textures))]
    (height, width), (tall, wide) = image.shape[:2], texture.shape[:2]
    top, left = random.integers(tall - height), random.integers(wide - width)
    part = texture[top : top + height, left : left + width]
    return levels(image_share * (image / 255) + texture_share * (part / 255))


def fog(image, random, share, decay):
    """A cloud of as many scales, each SciPy's zoom of uniform noise; not the same cloud, which no library makes."""
    values = image / 255
    side = 1 << (max(image.shape[:2]) - 1).bit_length()
    cloud, size, roughness = np.zeros([side, side]), 2, 1.0
    while size <= side:
        cloud += ndimage.zoom(random.uniform(-roughness, roughness, [size, size]), side / size, order=1)
        size, roughness = 2 * size, roughness / decay**2
    cloud = (cloud - cloud.min()) / np.ptp(cloud)
    brightest = values.max()
    part = cloud[: image.shape[0], : image.shape[1], None]
    return levels((values + share * part) * brightest / (brightest + share))


def brightness(image, random, amount):
    """scikit-image's HSV, there and back."""
    hsv = color.rgb2hsv(image)
    hsv[..., 2] = np.clip(hsv[..., 2] + amount, 0, 1)
    return levels(color.hsv2rgb(hsv))


def contrast(image, random, factor):
    """NumPy's mean."""
    values = image / 255
    mean = values.mean((0, 1))
    return levels((values - mean) * factor + mean)


def elastic_transform(image, random, size, deviation, affine):
    """scikit-image's affine map, SciPy's Gaussian and SciPy's reading between pixels."""
    height, width = image.shape[:2]
    reach = min(height, width) // 3
    corners = np.array([height // 2, width // 2]) + reach * np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]])
    after = corners + random.uniform(-affine, affine, corners.shape)
    back = np.linalg.solve(*(np.column_stack([part[:, ::-1], np.ones(3)]) for part in (after, corners))).T  # [3, 3]
    moved = transform.warp(image / 255, transform.AffineTransform(back), order=1, mode="reflect")
    rows, columns = (
        place + size * ndimage.gaussian_filter(random.uniform(-1, 1, [height, width]), deviation, truncate=3)
        for place in np.mgrid[:height, :width]
    )
    return levels(
        _each(lambda channel: ndimage.map_coordinates(channel, [rows, columns], order=1, mode="reflect"), moved)
    )


def pixelate(image, random, share):
    """Pillow's box filter."""
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize([int(width * share), int(height * share)], Image.Resampling.BOX)
    return np.array(small.resize([width, height], Image.Resampling.BOX))


def jpeg_compression(image, random, quality):
    """Pillow's JPEG."""
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=quality)
    return np.array(Image.open(stored))


def _each(function, values):
    """A function of [H, W] on every channel of [H, W, ch]."""
    return np.stack([function(values[..., channel]) for channel in range(values.shape[-1])], -1)


def _line(radius, deviation, angle):
    """A half Gaussian along a line from the middle, float64 [2n + 1, 2n + 1], n = 2 * radius."""
    steps, turn = np.arange(2 * radius + 1), math.radians(angle)
    kernel = np.zeros([4 * radius + 1, 4 * radius + 1])
    weights = np.exp(-(steps**2) / (2 * deviation**2))
    rows, columns = (2 * radius + np.rint(steps * part).astype(int) for part in (math.sin(turn), math.cos(turn)))
    np.add.at(kernel, (rows, columns), weights / weights.sum())
    return kernel


def _zoomed(values, factor):
    """The middle, magnified to the size of the whole: float64 [H, W, ch]."""
    sides = values.shape[:2]
    kept = [math.ceil(side / factor) for side in sides]
    top, left = ((side - part) // 2 for side, part in zip(sides, kept))
    large = ndimage.zoom(values[top : top + kept[0], left : left + kept[1]], (factor, factor, 1), order=1)
    top, left = ((made - side) // 2 for made, side in zip(large.shape, sides))
    return large[top : top + sides[0], left : left + sides[1]]
