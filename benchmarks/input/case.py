"""One measured policy in a process of its own: `python -m benchmarks.input.case '{"images": "jpeg", ...}'`.

This library and Pillow with NumPy in turn, on one core, so that both see the same machine; prints one JSON line.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import statistics
import sys
import time

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_images

from benchmarks.input import peer
from supcon_tf.augment import policies
from supcon_tf.augment.color import whiten
from supcon_tf.augment.views import several

VIEWS, BATCH, COUNT = 2, 16, 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = {"jpeg": 224, "memory": 32}
NOTHING = "decode"  # the policy that only decodes


def jpegs() -> list[bytes]:
    """JPEG files of 500 x 400 pixels, made from the two photographs that scikit-learn ships."""
    files = []
    for number, photograph in zip(range(COUNT), itertools.cycle(load_sample_images().images)):
        image = Image.fromarray(photograph).resize((500 + number % 8, 400), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


def arrays() -> np.ndarray:
    """uint8 [COUNT, 32, 32, 3], cut from the same photographs."""
    photographs = load_sample_images().images
    return np.stack([photographs[n % 2][4 * n : 4 * n + 32, 7 * n : 7 * n + 32] for n in range(COUNT)])


def ours(images: str, policy: str, parameters: dict):
    """An iterator over batches [BATCH, V, S, S, 3], on one thread."""
    stored = tf.constant(jpegs() if images == "jpeg" else arrays())
    draw = None
    if policy != NOTHING:
        draw = several(policies.policy(policy, size=SIZES[images], **parameters), count=VIEWS)

    def prepare(number: tf.Tensor) -> tf.Tensor:
        image = tf.gather(stored, number % COUNT)
        image = tf.image.decode_jpeg(image, channels=3) if images == "jpeg" else image
        if not draw:
            return image[:1, :1]
        seed = tf.stack([tf.constant(0, tf.int64), number])
        return whiten(draw(image, seed), mean=MEAN, std=STD)

    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    # Nothing may be made ahead: it would be made in the other's turn, on the same core.
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return iter(tf.data.Dataset.range(2**40).map(prepare).batch(BATCH).with_options(options))


def pillow(images: str, policy: str, parameters: dict):
    """The same from Pillow and NumPy."""
    stored, random = jpegs() if images == "jpeg" else arrays(), np.random.default_rng(0)

    def prepare(number: int) -> np.ndarray:
        one = stored[number % COUNT]
        image = Image.open(io.BytesIO(one)).convert("RGB") if images == "jpeg" else Image.fromarray(one)
        if policy == NOTHING:
            return np.asarray(image.crop((0, 0, 1, 1)))
        drawn = (peer.view(image, random, policy=policy, size=SIZES[images], **parameters) for _ in range(VIEWS))
        return np.stack([peer.whiten(one, MEAN, STD) for one in drawn])

    numbers = itertools.count()
    while True:
        yield np.stack([prepare(next(numbers)) for _ in range(BATCH)])


def measure(images: str, policy: str, stage: str = "", rounds: int = 9, **parameters) -> dict:
    """Images a second of both, medians over the rounds, and the median of the rounds' ratios."""
    if hasattr(os, "sched_setaffinity"):  # One core, whatever threads the libraries start; Linux only.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    iterators = [make(images, policy, parameters) for make in (ours, pillow)]
    first = time.perf_counter()
    shapes = [next(iterator).shape for iterator in iterators]
    first = time.perf_counter() - first
    if tuple(shapes[0]) != tuple(shapes[1]):
        raise ValueError(f"the two do not make the same: {shapes}.")
    speeds = []
    for _ in range(rounds):
        pair = []
        for iterator in iterators:
            begin = time.perf_counter()
            for _ in range(2 if images == "jpeg" else 16):
                next(iterator)
            pair.append(BATCH * (2 if images == "jpeg" else 16) / (time.perf_counter() - begin))
        speeds.append(pair)
    return {
        "what": "input",
        "images": images,
        "policy": policy,
        "stage": stage or "whole",
        **parameters,
        "images_per_second": statistics.median(pair[0] for pair in speeds),
        "pillow_images_per_second": statistics.median(pair[1] for pair in speeds),
        "ratio": statistics.median(pair[0] / pair[1] for pair in speeds),
        "first_batch_seconds": first,
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))), flush=True)
