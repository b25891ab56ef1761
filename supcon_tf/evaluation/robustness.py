"""Errors under common corruptions (ImageNet-C; Hendrycks & Dietterich, 2019, arXiv:1903.12261, Sec. 4).

A table of errors is a dict from the name of a corruption to its top-1 errors at severities 1 to 5, shares from 0 to 1.

    E(c)    mean over severities of the error under corruption c; A(c) that of the baseline
    mCE     100 mean over c of E(c) / A(c)
    rel.    100 mean over c of (E(c) - clean error) / (A(c) - clean error of the baseline)

A mean of ratios, not a ratio of means. On ImageNet the baseline is AlexNet, whose errors are below, by name because
lists of the corruptions come in several orders; it has 100 and 100. On CIFAR what is reported is the plain mean error;
an mCE there must name its baseline. The ImageNet-C of the papers is stored JPEGs: corruptions that are applied in
memory give other, better numbers, and are to be labelled so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

SEVERITIES = 5
# Mean over severities of AlexNet's top-1 error: table of github.com/hendrycks/robustness, as printed in the paper's
# Appendix C to three digits.
ALEXNET = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
ALEXNET_CLEAN = 0.4348
Table = Mapping[str, Sequence[float]]


def mean_corruption_error(errors: Table, *, baseline: Mapping[str, float] = ALEXNET) -> float:
    """mCE in per cent, over the corruptions of the baseline; others of the table do not count.

    Args:
        errors: by corruption, the errors at severities 1 to 5.
        baseline: A(c) by corruption; AlexNet's for ImageNet-C.

    Raises:
        ValueError: a corruption of the baseline is missing, has not 5 severities, or is not in shares; or the baseline
            makes no error under one.

    Example:
        >>> errors = {"fog": [0.1, 0.2, 0.3, 0.4, 0.5], "snow": [0.6] * 5}
        >>> mean_corruption_error(errors, baseline={"fog": 0.6, "snow": 0.8})
        62.5
    """
    found = _means(errors, baseline)
    faultless = [name for name in baseline if not baseline[name] > 0]
    if faultless:
        raise ValueError(
            f"the baseline's error under {', '.join(faultless)} must be above 0; nothing can be put in relation to no "
            "error. Leave it out of `baseline`."
        )
    return float(100 * np.mean([found[name] / baseline[name] for name in baseline]))


def relative_corruption_error(
    errors: Table, *, clean: float, baseline: Mapping[str, float] = ALEXNET, baseline_clean: float = ALEXNET_CLEAN
) -> float:
    """Relative mCE in per cent: what corruption adds to the clean error, in relation to what it adds to the baseline's.

    Args:
        errors: by corruption, the errors at severities 1 to 5.
        clean: top-1 error on the clean images, as a share.
        baseline: A(c) by corruption.
        baseline_clean: the baseline's error on the clean images.

    Raises:
        ValueError: as in `mean_corruption_error`; or corruption adds nothing to the error of the baseline.

    Example:
        >>> relative_corruption_error({"fog": [0.5] * 5}, clean=0.25, baseline={"fog": 0.8}, baseline_clean=0.3)
        50.0
    """
    found, clean = _means(errors, baseline), float(_shares("clean", [clean])[0])
    harmless = [name for name in baseline if baseline[name] <= baseline_clean]
    if harmless:
        raise ValueError(
            f"the baseline's error under {', '.join(harmless)} must be above its clean error {baseline_clean}; "
            "nothing can be put in relation to no damage. Leave it out of `baseline`."
        )
    added = [(found[name] - clean) / (baseline[name] - baseline_clean) for name in baseline]
    return float(100 * np.mean(added))


def mean_error(errors: Table) -> float:
    """Mean over corruptions and severities, in per cent: the convention of CIFAR-10-C and CIFAR-100-C.

    Example:
        >>> mean_error({"fog": [0.1, 0.2, 0.3, 0.4, 0.5], "snow": [0.5] * 5})
        40.0
    """
    return float(100 * np.mean(_table(errors)))


def means_by_severity(values: Table) -> np.ndarray:
    """Mean over corruptions at each severity, float64 [5]: of errors, of accuracies, or of ECEs (Table 6 of SupCon).

    Example:
        >>> means_by_severity({"fog": [0.0, 0.1, 0.2, 0.3, 0.4], "snow": [0.2, 0.3, 0.4, 0.5, 0.6]}).round(6).tolist()
        [0.1, 0.2, 0.3, 0.4, 0.5]
    """
    return _table(values).mean(0)


def _means(errors: Table, baseline: Mapping[str, float]) -> dict:
    """E(c) of each corruption of the baseline."""
    missing = [name for name in baseline if name not in errors]
    if missing or not baseline:
        raise ValueError(
            f"errors must have every corruption of the baseline; missing: {', '.join(missing) or 'the baseline'}. "
            f"It has {', '.join(errors) or 'none'}. Evaluate what is missing, or report `mean_error` of what is there."
        )
    return {name: float(_shares(name, errors[name], count=SEVERITIES).mean()) for name in baseline}


def _table(errors: Table) -> np.ndarray:
    """[corruptions, 5]."""
    if not errors:
        raise ValueError("a table needs a corruption; got none. Evaluate at least one.")
    return np.stack([_shares(name, errors[name], count=SEVERITIES) for name in errors])


def _shares(name: str, values: Sequence[float], count: int = 1) -> np.ndarray:
    """float64 [count], each from 0 to 1."""
    values = np.asarray(values, np.float64)
    if values.shape != (count,) or not ((values >= 0) & (values <= 1)).all():
        wanted = f"{count} numbers from 0 to 1, one a severity" if count > 1 else "a number from 0 to 1"
        raise ValueError(f"{name} must be {wanted}; got {values.tolist()}. Divide per cent by 100.")
    return values
