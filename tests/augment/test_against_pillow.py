"""Whole policies on photographs: many views, and as many by Pillow and NumPy, are two samples of one distribution.

Of every view some figures are taken: mean, deviation and roughness, the histogram of its grey levels, how colourful
it is and which half is brighter. The Kolmogorov-Smirnov distance between the two samples of a figure must stay below
what two samples of one distribution exceed with probability 1e-4, and the mean pictures must agree within `MOST`
standard errors at every pixel. Each policy has controls, in which Pillow does something else: they must lie further
apart.

Images have the size of the views, so that crops are magnified: where they shrink, Pillow filters and the authors do
not.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import stats
from sklearn.datasets import load_sample_images

from benchmarks.input import peer
from benchmarks.input.plan import SETTINGS
from supcon_tf.augment.policies import policy as make_policy

IMAGES, COUNT, MOST = 8, 1000, 5.0
# By policy: what else Pillow does in the controls.
CONTROLS = {
    "crop_flip": [{"crop_area": (0.5, 1.0)}, {"flip": False}],
    "sim_augment": [{"strength": 0.2}, {"jitter_probability": 0.3}, {"grayscale_probability": 0.0}],
    "auto_augment": [{"auto_policy": "cifar10"}],
    "rand_augment": [{"rand_layers": 1}, {"rand_magnitude": 7.0}],
    "stacked_rand_augment": [{"rand_layers": 1}, {"stacked_order": "paper"}],
}
# By policy: the variant that is not the default, and the default, as a control.
VARIANTS = {
    "auto_augment": ({"auto_policy": "cifar10"}, {"auto_policy": "imagenet"}),
    "stacked_rand_augment": ({"stacked_order": "paper"}, {"stacked_order": "code"}),
}


def photographs(side: int) -> np.ndarray:
    """uint8 [IMAGES, S, S, 3], from the two photographs that scikit-learn ships."""
    stored, parts = load_sample_images().images, []
    for number in range(IMAGES):
        top, left = number * 53 % 227, number * 97 % 440
        part = Image.fromarray(stored[number % 2][top : top + 200, left : left + 200])
        parts.append(np.asarray(part.resize((side, side), Image.Resampling.BICUBIC)))
    return np.stack(parts)


def coordinates(side: int) -> np.ndarray:
    """uint8 [1, S, S, 3]: red is the column, green the row."""
    columns, rows = np.meshgrid(np.arange(side, dtype=np.uint8), np.arange(side, dtype=np.uint8))
    return np.stack([columns, rows, 0 * rows], -1)[None]


def ours(images: np.ndarray, count: int, size: int, **parameters) -> np.ndarray:
    """`count` views, float32 [count, S, S, 3], at whole grey levels as Pillow's are."""
    stored = tf.constant(images)
    augment = make_policy(parameters.pop("policy"), size=size, **parameters)

    def view(number):
        seed = tf.stack([tf.constant(7, tf.int64), number])
        return augment(stored[number % len(images)], seed)

    made = tf.data.Dataset.range(count).map(view, num_parallel_calls=2).batch(count)
    return np.rint(next(iter(made)).numpy() * np.float32(255)) / np.float32(255)


def pillows(images: np.ndarray, count: int, size: int, **parameters) -> np.ndarray:
    random, opened = np.random.default_rng(11), [Image.fromarray(image) for image in images]
    numbers = range(count)
    return np.stack([peer.view(opened[n % len(opened)], random, size=size, **parameters) for n in numbers])


def figures(views: np.ndarray) -> dict[str, np.ndarray]:
    """Of each view, float [count] by name."""
    half = views.shape[1] // 2
    chroma = views.max(-1) - views.min(-1)  # [count, S, S]
    bands = np.clip(views * 8, 0, 7).astype(np.int8)  # [count, S, S, 3], an eighth of the grey scale each
    return {
        **{f"mean of channel {channel}": views[..., channel].mean((1, 2)) for channel in range(3)},
        **{f"deviation of channel {channel}": views[..., channel].std((1, 2)) for channel in range(3)},
        **{f"share of levels in band {band}": (bands == band).mean((1, 2, 3)) for band in range(8)},
        "roughness": np.abs(np.diff(views, axis=2)).mean((1, 2, 3)) / (views.std((1, 2, 3)) + 0.01),
        "chroma": chroma.mean((1, 2)),
        "grey": (chroma.max((1, 2)) == 0) * 1.0,
        "left less right": views[:, :, :half].mean((1, 2, 3)) - views[:, :, half:].mean((1, 2, 3)),
        "upper less lower": views[:, :half].mean((1, 2, 3)) - views[:, half:].mean((1, 2, 3)),
    }


def boxes(views: np.ndarray) -> dict[str, np.ndarray]:
    """Of each view of `coordinates`, what was cut: its middle, sides, area and aspect, and whether it is mirrored."""
    near, far = views.shape[1] // 4, 3 * views.shape[1] // 4
    red, green = views[..., 0].mean(1), views[..., 1].mean(2)  # [count, S]
    width, height = red[:, far] - red[:, near], green[:, far] - green[:, near]
    return {
        "mirrored": (width < 0) * 1.0,
        "column": red.mean(1),
        "row": green.mean(1),
        "area": np.abs(width * height),
        "aspect": np.abs(width / height),
    }


def furthest(one: dict, other: dict) -> tuple[float, str]:
    """The figure whose two samples are the furthest apart, in units of the distance that chance exceeds once in 1e4."""
    limit = np.sqrt(-np.log(1e-4 / 2) / COUNT)  # two samples of this size
    distances = {name: stats.ks_2samp(one[name], other[name], method="asymp").statistic / limit for name in one}
    return max((distance, name) for name, distance in distances.items())


def errors_apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of the mean pictures, in standard errors."""
    error = np.sqrt((one.var(0) + other.var(0)) / len(one)) + 1e-6
    return float((np.abs(one.mean(0) - other.mean(0)) / error).max())


def compare(policy: str, images: np.ndarray, parameters: dict, controls: list[dict]) -> None:
    """Views by their figures and mean pictures; and Pillow with other parameters is not mistaken for the same."""
    parameters = {"policy": policy, **parameters}
    size = images.shape[1]
    drawn, theirs = (make(images, COUNT, size, **parameters) for make in (ours, pillows))
    distance, name = furthest(figures(drawn), figures(theirs))
    assert distance < 1, name
    assert errors_apart(drawn, theirs) < MOST
    for change in controls:
        distance, name = furthest(figures(drawn), figures(pillows(images, COUNT, size, **{**parameters, **change})))
        assert distance > 1, change


@pytest.mark.parametrize(
    "policy", [pytest.param(name, marks=[pytest.mark.slow] * (name != "sim_augment")) for name in CONTROLS]
)
def test_small_views_are_those_of_pillow(policy):
    """The paper's settings for CIFAR, images of 32 x 32."""
    compare(policy, photographs(32), SETTINGS["memory"], CONTROLS[policy])


@pytest.mark.slow
def test_large_views_are_those_of_pillow():
    """The paper's settings for ImageNet, images of 128 x 128: smaller crops, more colour, and blur."""
    controls = [{"blur_probability": 0.0}, {"strength": 0.6}]
    compare("sim_augment", photographs(128), SETTINGS["jpeg"], controls)


@pytest.mark.slow
@pytest.mark.parametrize("policy", VARIANTS)
def test_the_other_variants_are_those_of_pillow(policy):
    variant, control = VARIANTS[policy]
    compare(policy, photographs(32), {**SETTINGS["memory"], **variant}, [control])


def test_boxes_are_those_of_the_authors(monkeypatch):
    """Of an image that shows what was cut. The control is torchvision's box, whose areas are evenly distributed."""
    parameters = {**SETTINGS["memory"], "policy": "crop_flip"}
    drawn = boxes(ours(coordinates(256), COUNT, 32, **parameters))
    distance, name = furthest(drawn, boxes(pillows(coordinates(256), COUNT, 32, **parameters)))
    assert distance < 1, name
    monkeypatch.setattr(peer, "_box", torchvision_box)
    assert furthest(drawn, boxes(pillows(coordinates(256), COUNT, 32, **parameters))) > (1, "")


def torchvision_box(width, height, random, area_range):
    area = width * height * random.uniform(*area_range)
    aspect = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
    wide, tall = min(round(np.sqrt(area * aspect)), width), min(round(np.sqrt(area / aspect)), height)
    left, top = random.integers(width - wide + 1), random.integers(height - tall + 1)
    return left, top, left + wide, top + tall
