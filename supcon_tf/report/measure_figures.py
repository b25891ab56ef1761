"""Line charts of what was measured of trained networks: reliability, errors by severity, what images find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supcon_tf.report import figures, gallery, page

FEW = 10  # images, of which a share says little


def charts(numbers: Sequence[dict], tone: int) -> str:
    """Figures side by side of those numbers whose details have one; nothing where none has."""
    found = []
    for number in numbers:
        details = number.get("details") or {}
        if "confidence" in details:
            found.append(_reliability(details, tone))
        if "precision" in details:
            found.append(_precision(number, tone))
        if "confusion" in details:
            counts = np.array(details["confusion"], np.int64)  # [C, C]
            found.append(gallery.confusion_figure(counts, details["class_names"]))
    corrupted = [number for number in numbers if "severity" in (number.get("details") or {})]
    if corrupted:
        found.append(_by_severity(corrupted, tone))
    return page.pair(found) if found else ""


def _reliability(details: dict, tone: int) -> str:
    confidence, accuracy = (np.array(details[name], np.float64) for name in ("confidence", "accuracy"))
    ends = np.array([0.0, 1.0])
    lines = [
        figures.Line(ends, ends, tone, "train", "as sure as right"),
        figures.Line(confidence, accuracy, tone, "mean", "share that is right"),
    ]
    few = sum(count < FEW for count in details["counts"])
    caption = (
        "How often an answer is right, over how sure the classifier is of it; on the diagonal both are equal. "
        f"{few} of {len(confidence)} bins hold fewer than {FEW} images."
    )
    chart = figures.line_chart(lines, percent=True, across="sure")
    return page.figure("Reliability", chart, caption=caption)


def _precision(number: dict, tone: int) -> str:
    details = number["details"]
    x, y = (np.array(details[name], np.float64) for name in ("k", "precision"))
    chart = figures.line_chart([figures.Line(x, y, tone, "mean", "precision at k")], percent=True, across="rank")
    caption = (
        f"Share of the nearest 1 to {len(x)} other test images that are of the class of an image, over how many; mean "
        f"over {number['n']:,} images. It must fall where a class has fewer images than that."
    )
    return page.figure("Retrieval", chart, caption=caption)


def _by_severity(numbers: Sequence[dict], tone: int) -> str:
    lines = [
        figures.Line(
            np.array(number["details"]["severity"], np.float64),
            np.array(number["details"]["error"], np.float64),
            tone,
            "seed",
            number["name"].removeprefix("error_"),
        )
        for number in numbers
    ]
    mean = np.mean([line.y for line in lines], axis=0)
    lines.append(figures.Line(lines[0].x, mean, tone, "mean", "mean over corruptions"))
    caption = "Top-1 error on corrupted test images: a thin line a corruption (its name under the pointer), their mean."
    return page.figure("Error by severity", figures.line_chart(lines, percent=True, across="level"), caption=caption)
