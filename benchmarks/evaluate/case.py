"""One measured case in a process of its own: `python -m benchmarks.evaluate.case '{"what": "retrieval", ...}'`.

Prints one JSON line. Seconds are of the wall; processor seconds are of all threads, and vary less on a machine that
others use. Memory is the most that the process uses beyond what it used before, with libraries loaded and inputs made.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import memory
from benchmarks.evaluate import inputs

LIBRARIES = {
    "ours": "supcon_tf.evaluation.measures",
    "scikit_learn": "sklearn.neighbors",
    "pytorch_metric_learning": "pytorch_metric_learning.utils.accuracy_calculator",
}


def measured(function) -> tuple:
    """(what a function gives, {"seconds", "processor_seconds", "mb"} of its one call)."""
    before = memory.resident_mb()
    memory.forget_peak()
    wall, processor = time.perf_counter(), time.process_time()
    found = function()
    times = {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - processor}
    return found, {**times, "mb": memory.peak_mb() - before}


def retrieval(by: str, rows: int, classes: int, width: int = 512) -> dict:
    """Precision@1, R-precision and MAP@R of all rows among all others."""
    from benchmarks.evaluate import peers
    from supcon_tf.evaluation.retrieval import retrieval as ours

    function = ours if by == "ours" else getattr(peers, f"{by}_retrieval")
    given = inputs.unit_features(rows, classes, width)
    found, spent = measured(lambda: function(*given))
    return {**spent, "found": found, **_searched_with(by)}


def neighbours(by: str, rows: int, classes: int, width: int = 512, setting: str = "dino") -> dict:
    """Top-1 of the vote of the nearest of as many rows, for as many queries."""
    from benchmarks.evaluate import peers
    from supcon_tf.evaluation.neighbours import SETTINGS, neighbour_accuracy

    function = neighbour_accuracy if by == "ours" else getattr(peers, f"{by}_neighbours")
    features, labels = inputs.unit_features(2 * rows, classes, width)
    train, test = (features[:rows], labels[:rows]), (features[rows:], labels[rows:])
    found, spent = measured(lambda: function(train, test, classes=classes, **SETTINGS[setting]))
    return {**spent, "found": {"top1": found["top1"]}, **_searched_with(by)}


def penalties(by: str, rows: int, classes: int, width: int = 512, every: int = 1, tolerance: float = 1e-4) -> dict:
    """All penalties of the linear probe at once; or one in `every` by scikit-learn with its `tol`, one after the other.

    Seconds of a part are times as many as there are of all.
    """
    from benchmarks.evaluate import peers
    from supcon_tf.evaluation import logistic

    features, labels = inputs.features(rows, classes, width)
    if by == "ours":
        fitted, spent = measured(lambda: logistic.fit(features, labels, classes=classes))
        return {**spent, "objectives": fitted.objectives.tolist(), "steps": int(fitted.steps.max())}
    chosen = logistic.PENALTIES[::every]
    fits = [
        measured(lambda one=penalty: peers.scikit_learn_penalty(features, labels, penalty=one, tolerance=tolerance))
        for penalty in chosen
    ]
    share = len(logistic.PENALTIES) / len(chosen)
    times = {name: share * sum(spent[name] for _, spent in fits) for name in ("seconds", "processor_seconds")}
    objectives = [objective(features, labels, *found, penalty) for (found, _), penalty in zip(fits, chosen)]
    return {**times, "mb": max(spent["mb"] for _, spent in fits), "objectives": objectives}


def objective(features, labels, weights, biases, penalty) -> float:
    """What is minimised (`supcon_tf/evaluation/logistic.py`), in float64."""
    logits = features.astype(np.float64) @ weights + biases  # [n, C]
    logits -= logits.max(1, keepdims=True)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
    return float(losses.sum() + penalty / 2 * np.sum(np.square(weights, dtype=np.float64)))


def corruption(by: str, name: str, side: int, seconds: float = 0.5, rounds: int = 5) -> dict:
    """Images a second on one core at severity 3, ours and a peer's in turn; medians, and that of the ratios."""
    from benchmarks.evaluate import corruption_peers
    from supcon_tf.augment.corruptions.constants import CONSTANTS
    from supcon_tf.augment.corruptions.corruption import corruption as made

    if hasattr(os, "sched_setaffinity"):  # One core, whatever threads the libraries start; Linux only.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    scale, images, random = {32: "small", 224: "large"}[side], inputs.images(side), np.random.default_rng(0)
    constants, numbers = CONSTANTS[scale][name][2], itertools.count()
    with tempfile.TemporaryDirectory() as folder:
        more = {"frost_dir": folder} if name == "frost" else {}
        textures = {"textures": _textures(folder)} if name == "frost" else {}
        ours, peer = made(name, 3, scale=scale, **more), getattr(corruption_peers, name)
        calls = (
            lambda image: ours(image, next(numbers)),
            lambda image: peer(image, random, *constants, **textures),
        )
        with threadpool_limits(1):  # One core: threads of matrix products would wait for each other.
            found = [np.stack([call(image) for image in images[:2]]) for call in calls]
            speeds = [[_speed(call, images, seconds / rounds) for call in calls] for _ in range(rounds)]
    own, theirs = zip(*speeds)
    return {
        "images_per_second": statistics.median(own),
        "peer_images_per_second": statistics.median(theirs),
        "ratio": statistics.median(a / b for a, b in speeds),
        "same_library": name in corruption_peers.SAME,
        "changed": [float(np.abs(one - images[:2].astype(float)).mean()) for one in found],
    }


def _speed(call, images: np.ndarray, seconds: float) -> float:
    """Images a second, of at least one image and as many as fit."""
    count, begin = 0, time.perf_counter()
    while not count or time.perf_counter() - begin < seconds:
        call(images[count % len(images)])
        count += 1
    return count / (time.perf_counter() - begin)


def _textures(folder: str) -> list:
    """Five pictures of noise in a folder, so that nobody has to generate a texture; as arrays, read once."""
    from PIL import Image

    random, found = np.random.default_rng(0), []
    for number in range(5):
        found.append(random.integers(0, 256, [1200, 1300, 3], dtype=np.uint8))
        Image.fromarray(found[-1]).save(f"{folder}/{number}.bmp")
    return found


def _searched_with(by: str) -> dict:
    from benchmarks.evaluate import peers

    return {"search": peers.search()} if by == "pytorch_metric_learning" else {}


KINDS = {"retrieval": retrieval, "neighbours": neighbours, "penalties": penalties, "corruption": corruption}


def measure(what: str, **arguments) -> dict:
    """The record of one case: its arguments and what was measured."""
    if arguments.get("by") in LIBRARIES:
        importlib.import_module(LIBRARIES[arguments["by"]])  # before memory is read
    return {"what": what, **arguments, **KINDS[what](**arguments)}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))), flush=True)
