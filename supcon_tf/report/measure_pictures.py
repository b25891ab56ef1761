"""Images beside what was measured: a test image under each corruption, and what test images find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supcon_tf.report import page, thumbnails

RIGHT, WRONG = "\u2713", "\u2717"
LONGEST = 24  # characters of a class beneath its image


def corruptions(numbers: Sequence[dict], pictures: dict) -> str:
    """The errors of each corruption beneath an image that shows it.

    Args:
        numbers: of robustness.
        pictures: of `records.pictures`: "images", "names", "severities", and "original" unless the images were stored
            corrupted.
    """
    measured = {number["name"].removeprefix("error_"): number for number in numbers}
    severities = pictures["severities"].tolist()
    cards = [
        _corruption(measured[name], name, dict(zip(severities, row)))
        for name, row in zip(pictures["names"].tolist(), pictures["images"])
        if name in measured
    ]
    shown = ", ".join(map(str, severities[:-1])) + f" and {severities[-1]}"
    caption = (
        f"Top-1 error at severities {shown}, beneath the first test image corrupted so, or the middle of a large one. "
        "The name of a corruption is followed by its mean error over all severities."
    )
    original = ""
    if "original" in pictures:
        original = _picture(pictures["original"], "the first test image as it is")
        caption += " On the left of this line: the image as it is."
    head = f'<div class="original">{original}<small>{page.escape(caption)}</small></div>'
    return (
        f'<figure class="corruptions"><figcaption>Corruptions</figcaption>{head}'
        f'<div class="corrupted">{"".join(cards)}</div></figure>'
    )


def _corruption(number: dict, name: str, images: dict) -> str:
    """A name with its mean error, and an image with its error a severity."""
    errors = dict(zip(number["details"]["severity"], number["details"]["error"]))
    every = ", ".join(f"{severity}: {_percent(error)}" for severity, error in errors.items())
    plain = name.replace("_", " ")
    cells = "".join(
        f"<span>{_picture(image, f'{plain}, severity {severity}')}{_percent(errors[severity])}</span>"
        for severity, image in images.items()
        if severity in errors
    )
    mean = f"{np.mean(list(errors.values())):.1%}".replace("%", " %")
    title = page.escape(f"{plain}, error at severity {every}")
    return f'<div title="{title}"><b>{page.escape(plain)} <small>{mean}</small></b><div>{cells}</div></div>'


def neighbours(details: dict, pictures: dict) -> str:
    """A few test images with the test images that are nearest to them.

    Args:
        details: of precision@1: "classes" of each query and of its nearest, by number.
        pictures: of `records.pictures`: "images", "class_names".
    """
    classes = np.array(details["classes"])
    wrong = classes[:, 0] != classes[:, 1]
    rows = [
        _row(images, names, right)
        for images, names, right in zip(pictures["images"], pictures["class_names"].tolist(), classes == classes[:, :1])
    ]
    caption = (
        f"Left, framed: a test image. Beside it: the {classes.shape[1] - 1} nearest other test images, the nearest "
        f"first; {RIGHT} of its class, {WRONG} of another."
    )
    parts = [
        ("Nearest is of another class: the most similar of these.", [row for row, bad in zip(rows, wrong) if bad]),
        (
            "Nearest is of the class: the first test image of some classes.",
            [r for r, bad in zip(rows, wrong) if not bad],
        ),
    ]
    html = "".join(
        f'<div><p class="note">{page.escape(title)}</p>{"".join(found)}</div>' for title, found in parts if found
    )
    return (
        f'<figure class="neighbours"><figcaption>What images find<small>{page.escape(caption)}</small></figcaption>'
        f'<div class="pair">{html}</div></figure>'
    )


def _row(images: np.ndarray, names: Sequence[str], right: np.ndarray) -> str:
    cells = []
    for place, (image, name) in enumerate(zip(images, names)):
        kind, sign = ("right", RIGHT) if right[place] else ("wrong", WRONG)
        said = f"of class {name}" if not place else f"nearest {place}, {kind}: {name}"
        mark = f'<span class="{kind if place else "query"}" title="{page.escape(name)}">'
        sign = f"<b>{sign}</b> " if place else ""
        short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "\u2026"
        cells.append(f"{mark}{_picture(image, said)}{sign}{page.escape(short)}</span>")
    return f'<div class="found">{"".join(cells)}</div>'


def _picture(pixels: np.ndarray, text: str) -> str:
    """Small images with their pixels as squares and bit by bit, larger ones as photographs."""
    small = max(pixels.shape[:2]) <= thumbnails.THUMBNAIL // 2
    uri = thumbnails.png_uri(pixels) if small else thumbnails.jpeg_uri(pixels)
    return page.picture(uri, text=text, kind="sharp" if small else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
