"""Which training images a run sees, and with which labels: subsets and label noise, fixed by the seed."""

from __future__ import annotations

import numpy as np

from supcon_tf.data.sets.held_out import HeldOut
from supcon_tf.data.sets.source import Source

_SUBSET, _NOISE, _HELD_OUT = 0, 1, 2  # Second word of the seed: what the randomness is for.


def selected(
    source: Source,
    *,
    examples: int = 0,
    fraction: float = 1.0,
    label_noise: float = 0.0,
    held_out: float = 0.0,
    seed: int = 0,
) -> Source:
    """The source with fewer training images and noisy labels, where these are asked for; its test split stays whole.

    With `held_out` the test split is a part of the training images; the other arguments then choose among the rest.

    Args:
        source: as it was loaded.
        examples: train on the first `examples` images only; 0 for all.
        fraction: train on this share of each class, drawn by `seed`; `examples` then counts among these.
        label_noise: probability of a training label to be replaced by a class drawn uniformly, once and for all;
            an image without a label stays without one.
        held_out: share of the training images that takes the place of the test images (`HeldOut`).
        seed: decides which images `fraction`, `label_noise` and `held_out` mean.

    Raises:
        ValueError: there are fewer than `examples` training images; or a `fraction` or `label_noise` is asked for
            where an image has several labels, or none.
    """
    if held_out:
        source = HeldOut(source, held_out_numbers(source.count("train"), held_out, seed))
    count, classes = source.count("train"), source.facts.classes
    if source.facts.label_sets and (fraction < 1 or label_noise):
        raise ValueError(
            f"an image of '{source.facts.name}' has several labels, and data.fraction and data.label_noise go by its "
            "one class: leave them out. data.train_split=train[:10%] takes a part."
        )
    if label_noise and not source.facts.labelled:
        raise ValueError(f"the images of '{source.facts.name}' have no labels: leave data.label_noise out.")
    kept = np.arange(count) if fraction == 1 else stratified(source.labels("train"), fraction, seed)
    if not 0 <= examples <= len(kept):
        raise ValueError(
            f"'{source.facts.name}' has {len(kept)} training images; got examples={examples}. Ask for 1 to "
            f"{len(kept)}, or 0 for all."
        )
    kept = kept[: examples or None]
    if label_noise:
        source = source.relabelled(noise(count, classes, label_noise, seed))
    return source if len(kept) == count else source.restricted(kept)


def stratified(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """The same share of every class, drawn at random; of each class at least one image.

    A larger fraction of the same seed holds the images of a smaller one.

    Args:
        labels: int [n].
        fraction: share, in (0, 1].
        seed: of the run.

    Returns:
        int64 [k], ascending numbers of the chosen images.
    """
    places = _generator(seed, _SUBSET).permutation(len(labels))  # One draw for all: fractions of a seed are nested.
    kept = []
    for label in np.unique(labels):
        members = places[labels[places] == label]
        kept.append(members[: max(1, round(fraction * len(members)))])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def held_out_numbers(count: int, share: float, seed: int) -> np.ndarray:
    """Which training images are held out, without regard to their classes: int64 [k], ascending.

    Args:
        count: training images.
        share: of them, rounded to whole images.
        seed: of the run.
    """
    return np.sort(_generator(seed, _HELD_OUT).permutation(count)[: round(share * count)]).astype(np.int64)


def noise(count: int, classes: int, probability: float, seed: int) -> np.ndarray:
    """Which labels are replaced, and by what: a class drawn uniformly, which may be the true one (authors' code).

    Args:
        count: training images.
        classes: C.
        probability: of each label to be replaced.
        seed: of the run; the images replaced with a lower probability are among those with a higher one.

    Returns:
        int64 [count], the class instead of the label; -1 where the label stays.
    """
    generator = _generator(seed, _NOISE)
    chance, drawn = generator.random_sample(count), generator.randint(classes, size=count)
    return np.where(chance < probability, drawn, -1).astype(np.int64)


def _generator(seed: int, purpose: int) -> np.random.RandomState:
    return np.random.RandomState([seed, purpose])  # Frozen by NumPy's policy, unlike default_rng.
