"""Charts of what was measured: there where it was, with its values, and absent where it was not."""

from __future__ import annotations

import re

import numpy as np

from supcon_tf.report.measure_figures import charts


def number(name, details=None):
    return {
        "name": name,
        "value": 0.5,
        "unit": "share",
        "protocol": "p",
        "n": 539,
        "interval": None,
        "details": details,
    }


def path_of(html, title):
    """Places of a line, in pixels: [n, 2]."""
    found = re.search(rf'd="([^"]*)"><title>{title}</title>', html)[1]
    return np.array([place.split() for place in re.findall(r"[ML]([\d.]+ [\d.]+)", found)], float)


def test_the_curve_of_retrieval_goes_through_its_values():
    precision = [0.9, 0.7, 0.5, 0.4]
    html = charts([number("precision_at_1", {"k": [1, 2, 3, 4], "precision": precision})], 0)
    places = path_of(html, "precision at k")
    np.testing.assert_allclose(np.diff(places[:, 0]), np.diff(places[:, 0])[0], atol=0.11)
    slope = np.diff(places[:, 1]) / np.diff(precision)  # pixels a share, downwards
    np.testing.assert_allclose(slope, slope[0], rtol=0.01)
    assert slope[0] < 0 and "mean over 539 images" in html and "Reliability" not in html


def test_the_mean_of_errors_by_severity_is_drawn_over_them():
    errors = {"fog": [0.1, 0.2, 0.3], "snow": [0.3, 0.4, 0.5]}
    html = charts([number(f"error_{name}", {"severity": [1, 3, 5], "error": e}) for name, e in errors.items()], 0)
    fog, snow, mean = (path_of(html, title) for title in ("fog", "snow", "mean over corruptions"))
    np.testing.assert_allclose(mean, (fog + snow) / 2, atol=0.11)


def test_what_was_taken_for_what_is_counted():
    html = charts([number("mean_per_class", {"confusion": [[3, 1], [0, 2]], "class_names": ["<cat>", "dog"]})], 0)
    assert "1 of 6 images are off the diagonal" in html and "&lt;cat&gt; taken for dog: 1 of 4" in html
    assert "<cat>" not in html and "dog taken for" in html


def test_nothing_was_measured_nothing_is_drawn():
    assert charts([number("top1"), number("linear_lbfgs", {"penalty": 0.1})], 0) == ""
