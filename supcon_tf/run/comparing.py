"""Two runs on the same test images: whether one answers better, and how sure that is."""

from __future__ import annotations

import pathlib
from typing import Optional, Union

from supcon_tf.config import Data
from supcon_tf.distribution.strategy import is_chief
from supcon_tf.evaluation.intervals import Interval, McNemar, mcnemar, paired_bootstrap
from supcon_tf.paths import shown
from supcon_tf.records.directory import RunDirectory
from supcon_tf.run.evaluating import assist, opened


def compare_runs(
    first: Union[str, pathlib.Path],
    second: Union[str, pathlib.Path],
    *,
    data: Optional[Data] = None,
    data_dir: Optional[str] = None,
    strategy: str = "one_device",
    replicas: int = 0,
) -> Optional[tuple[Interval, McNemar]]:
    """Whether one run classifies the same test images better than another, by pairs.

    Args:
        first, second: directories of the runs.
        data: images of another set than their own.
        data_dir, strategy, replicas: as in `evaluate_run`.

    Returns:
        The difference of their top-1, first minus second, with the interval of the paired bootstrap over test images;
        and McNemar's exact test of the same answers. Both say what other test images would change, and nothing of
        what other seeds would. None on hosts of "multi_worker" other than the chief.

    Raises:
        ValueError: as `evaluate_run`; or a run has no classifier of these classes, or they answer other images.

    Example:
        >>> compare_runs("runs/nowhere", "runs/there")
        Traceback (most recent call last):
        ValueError: runs/nowhere holds no run: ...
    """
    found = []
    for name in (first, second):
        directory = RunDirectory(name)
        with opened(directory, data, data_dir, strategy, replicas) as (predictor, _):
            if not is_chief(strategy):
                assist(predictor)
                continue
            predicted = predictor.of("test")
        if predicted.logits is None or predicted.labels.ndim > 1:
            raise ValueError(f"{directory} has no classifier that gives each of these images one class to compare.")
        found.append(predicted)
    if not is_chief(strategy):
        return None
    first_images, second_images = (
        (predicted.made["fingerprint"], predicted.made["data"]["test_split"]) for predicted in found
    )
    if first_images != second_images:
        raise ValueError(f"{first} and {second} answer other test images; give both the same --data.name.")
    right = [predicted.logits.argmax(1) == predicted.labels for predicted in found]
    return paired_bootstrap(*right), mcnemar(*right)


def compared(first: str, second: str, difference: Interval, test: McNemar) -> str:
    """What `compare_runs` found, in words.

    Example:
        >>> from supcon_tf.evaluation.intervals import Interval, McNemar
        >>> print(compared("a", "b", Interval(0.02, 0.01, 0.03, 539, 0.1), McNemar(0.0625, 5, 0)))
        top-1 of a over that of b: +2.00 points (+1.00 to +3.00), paired bootstrap over 539 test images
        5 images only the first has right, 0 only the second: p = 0.0625 (McNemar, exact)
        Other seeds may change more than other images: compare several.
    """
    value, low, high = (f"{100 * number:+.2f}" for number in difference[:3])
    return (
        f"top-1 of {shown(first)} over that of {shown(second)}: {value} points ({low} to {high}), "
        f"paired bootstrap over {difference.n:,} test images\n"
        f"{test.only_first:,} images only the first has right, {test.only_second:,} only the second: "
        f"p = {test.p:.3g} (McNemar, exact)\n"
        "Other seeds may change more than other images: compare several."
    )
