"""The report's sections of pictures: augmented views, and what the network makes of the test images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np

from supcon_tf.report import class_figures, page, thumbnails
from supcon_tf.report.embedding_map import project
from supcon_tf.report.runs import Run, RunGroup

PICTURES = 16  # Over all experiments of a report, but never fewer than two each.
POINTS = 1000  # Likewise, never fewer than 500 each: t-SNE takes seconds.
ANSWERS = ("labels", "predictions", "class_names")
LIGHT_RIGHT, LIGHT_WRONG = (0, 114, 178), (213, 94, 0)  # Heat maps are pixels: one pair for light and dark.


def views_section(groups: Sequence[RunGroup]) -> str:
    """Images with their augmented views, as training shows them to the network."""
    html = []
    for tone, group in enumerate(groups):
        run, arrays = group.evaluation()
        originals, views = arrays.get("originals", ()), arrays.get("views", ())
        if len(originals) and len(views):
            shown = range(min(len(originals), _share(PICTURES, groups, least=2)))
            cards = [_card([originals[number], *views[number]]) for number in shown]
            html += [_heading(groups, tone, run), f'<div class="cards">{"".join(cards)}</div>']
    if not html:
        return page.section("Augmented views", [page.note("No run kept its augmented views.")])
    lead = "Framed: the image itself. Beside it: views of it, drawn as training draws them."
    return page.section("Augmented views", html, lead=lead)


def images_section(groups: Sequence[RunGroup]) -> str:
    """Projection, confusion matrix and mistakes of one run of each experiment."""
    html = []
    for tone, group in enumerate(groups):
        run, arrays = group.evaluation()
        html.append(_heading(groups, tone, run))
        if run is None:
            html.append(page.note("No evaluation.npz yet: evaluate the run to see its test images here."))
            continue
        html += _answers(arrays, points=_share(POINTS, groups, least=500))
        html += _mistakes(arrays, most=_share(PICTURES, groups, least=2))
    return page.section("Test images", html)


def confusion(labels: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """int64 [C, C]: how often each label (row) was given each prediction (column)."""
    pairs = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _heading(groups: Sequence[RunGroup], tone: int, run: Optional[Run]) -> str:
    """Which experiment and which of its seeds is shown; nothing where the report has one run only."""
    if len(groups) == 1 and len(groups[0].runs) == 1:
        return ""
    seed = "" if run is None else f", seed {run.seed}"
    return f"<h3>{page.chip(tone)}{page.escape(groups[tone].name + seed)}</h3>"


def _answers(arrays: dict[str, np.ndarray], *, points: int) -> list[str]:
    are_sets = np.ndim(arrays.get("labels")) == 2
    missing = [name for name in (*ANSWERS, *["average_precisions"] * are_sets) if name not in arrays]
    if missing:
        return [page.note(f"evaluation.npz has no {' and no '.join(missing)}: no projection and no confusion matrix.")]
    labels, predictions = arrays["labels"].astype(np.int64), arrays["predictions"].astype(np.int64)
    names = [str(name) for name in arrays["class_names"]]
    if are_sets:
        return _label_sets(arrays, labels, predictions, names, points)
    found, sentence = _projection(arrays.get("embeddings"), labels, predictions, names, points)
    matrix = confusion_figure(confusion(labels, predictions, len(names)), names)
    return [page.pair([*found, matrix]), page.note(sentence) if sentence else ""]


def _label_sets(
    arrays: dict[str, np.ndarray], labels: np.ndarray, predictions: np.ndarray, names: list[str], points: int
) -> list[str]:
    """The figures where an image has a set of labels [n, C]: how well each is found, and images that have just one."""
    one = np.flatnonzero((labels > 0).sum(1) == 1)
    embeddings = arrays.get("embeddings")
    single = labels[one].argmax(1)
    found, sentence = _projection(
        None if embeddings is None else embeddings[one], single, predictions[one], names, points
    )
    known = np.flatnonzero(np.isfinite(arrays["average_precisions"]))
    if not len(known):
        return [page.note("No test image has a label: no average precision.")]
    lowest = known[np.argsort(arrays["average_precisions"][known], kind="stable")][: class_figures.NAMED_CLASSES]
    caption = f"11-point. The mean over {len(known)} classes is {arrays['average_precisions'][known].mean():.1%}"
    caption += f"; below are the {len(lowest)} lowest." if len(lowest) < len(known) else "."
    bars = class_figures.bars(arrays["average_precisions"][lowest], [names[number] for number in lowest])
    figures = [*found, page.figure("Average precision of each class", bars, caption=caption)]
    said = f"The projection leaves out {len(labels) - len(one):,} images that have several labels, or none."
    return [page.pair(figures), page.note(sentence or said)]


def _projection(
    embeddings: Optional[np.ndarray], labels: np.ndarray, predictions: np.ndarray, names: list[str], points: int
) -> tuple[list[str], str]:
    """The figure in a list, or an empty list and the sentence that says why there is none."""
    if embeddings is None:
        return [], "evaluation.npz has no embeddings: no projection."
    try:
        rows, places = project(embeddings, limit=points)
    except ValueError as error:
        return [], f"No projection. {error}"
    wrong = labels[rows] != predictions[rows]
    sample = "all" if len(rows) == len(labels) else f"{len(rows):,} of"
    caption = (
        f"t-SNE of {sample} {len(labels):,} test images by class; a cross marks a mistake. "
        "Neighbourhoods mean something, distances between far groups do not."
    )
    if len(names) > len(page.CLASS_COLOURS):
        caption += f" In colour: the {len(page.CLASS_COLOURS)} classes with the most mistakes."
    svg = class_figures.scatter(places, labels[rows], wrong, names)
    return [page.figure(f"Embeddings, {embeddings.shape[1]} dimensions", svg, caption=caption)], ""


def confusion_figure(counts: np.ndarray, names: Sequence[str]) -> str:
    """Counts int [C, C], label by prediction, with names where these have room, else as a heat map."""
    wrong = int(counts.sum() - np.trace(counts))
    caption = f"Rows: label. Columns: prediction. {wrong:,} of {int(counts.sum()):,} images are off the diagonal."
    if len(names) <= class_figures.NAMED_CLASSES:
        return page.figure("Confusion matrix", class_figures.confusion_matrix(counts, names), caption=caption)
    pixels = thumbnails.heat_map(counts, right=LIGHT_RIGHT, wrong=LIGHT_WRONG)
    image = page.picture(thumbnails.png_uri(pixels), text="confusion matrix as a heat map", kind="sharp heat")
    return page.figure(f"Confusion matrix, {len(names)} classes", image + _worst(counts, names), caption=caption)


def _worst(counts: np.ndarray, names: Sequence[str], *, most: int = 10) -> str:
    """The most frequent confusions by name, where a matrix has no room for names."""
    errors = counts - np.diag(np.diag(counts))
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    pairs = [divmod(int(cell), len(names)) for cell in order if errors.flat[cell]]
    rows = [
        (page.escape(names[label]), page.escape(names[taken]), f"{counts[label, taken]} of {counts[label].sum()}")
        for label, taken in pairs
    ]
    return page.table(("Label", "Prediction", "Images"), rows, kind="worst", numbers=(2,)) if rows else ""


def _mistakes(arrays: dict[str, np.ndarray], *, most: int) -> list[str]:
    images, names = arrays.get("mistakes", ()), arrays.get("class_names", ())
    if not len(images):
        return [page.note("No mistaken image was kept.")]
    cards = [
        f'<div class="mistake">{_image(image, text="mistaken image")}{page.escape(_named(label, names))}<br>'
        f"<s>{page.escape(str(names[taken]))}</s></div>"
        for image, label, taken in zip(images[:most], arrays["mistake_labels"], arrays["mistake_predictions"])
    ]
    title = "<figcaption>Mistakes<small>Above: the label. Below, in colour: the prediction.</small></figcaption>"
    return [f'<figure class="mistakes">{title}<div class="cards">{"".join(cards)}</div></figure>']


def _named(label: np.ndarray, names: np.ndarray) -> str:
    """A class, or a set of labels [C], in words."""
    return str(names[label]) if np.ndim(label) == 0 else ", ".join(map(str, names[label > 0])) or "none"


def _card(images: Sequence[np.ndarray]) -> str:
    marks = [_image(image, text="view" if number else "original") for number, image in enumerate(images)]
    return f'<div class="card">{"".join(marks)}</div>'


def _image(image: np.ndarray, *, text: str) -> str:
    small = image.shape[0] < thumbnails.THUMBNAIL
    return page.picture(thumbnails.png_uri(thumbnails.thumbnail(image)), text=text, kind="sharp" if small else "")


def _share(total: int, groups: Sequence[RunGroup], *, least: int) -> int:
    return max(total // len(groups), least)
