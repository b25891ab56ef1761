"""Pictures of docs/explained/loss.md. What they show is asked of the loss itself: its pairs, values, gradients, tiles.

    python -m launch.results

Everything is float64 and drawn from fixed seeds, so that the same code draws the same file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from supcon_tf.losses import pairs
from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.losses.tiled import blocks
from supcon_tf.report.figures import WIDTH, Line, key, line_chart, svg
from supcon_tf.report.paper_figure import standalone

SIDE = 23  # of a cell of a matrix
BATCHES = {  # what the four panels of `pairs_picture` compare, two views an image
    "classes 0, 1, 0, 2": [0, 1, 0, 2],
    "unlabelled: SimCLR": [-1, -1, -1, -1],
    "classes 0, none, 0, none": [0, -1, 0, -1],
    "label sets a, ab, b, c": [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]],
}


def all_pictures() -> dict[str, str]:
    """Every picture as the text of an SVG file, by the name of that file."""
    drawn = {
        "loss_pairs.svg": pairs_picture(),
        "loss_temperature.svg": temperature_picture(),
        "loss_summation.svg": summation_picture(),
        "loss_normalize.svg": normalize_picture(),
        "loss_scale.svg": scale_picture(),
        "loss_tiles.svg": tiles_picture(),
    }
    return {name: standalone(html) for name, html in drawn.items()}


def weights_of(labels) -> tuple[np.ndarray, np.ndarray]:
    """(positives, negatives) of a batch in two views: float [N, N], a key's weight as a positive, and bool [N, N]."""
    known = tf.constant(labels, tf.float64 if np.ndim(labels) == 2 else tf.int64)
    ids = pairs.row_ids(known, views=2)
    positives, negatives = pairs.compare(ids, ids, dtype=tf.float64)
    return positives.numpy(), negatives.numpy()


def pairs_picture() -> str:
    """Who is a positive of whom, and who a negative, for four kinds of labels."""
    marks = []
    for number, (title, labels) in enumerate(BATCHES.items()):
        left, top = 34 + number % 2 * 254, 44 + number // 2 * 246
        marks.append(f'<text class="set" x="{left}" y="{top - 26}" font-weight="600">{title}</text>')
        marks += _matrix(*weights_of(labels), left, top)
    return svg(WIDTH, 500, marks, label="positives and negatives of a batch of four images in two views, four times")


def _matrix(positives, negatives, left, top):
    for row in range(len(positives)):
        name, place = f"{row // 2}{'ab'[row % 2]}", SIDE * (row + 0.5)
        yield f'<text class="tick" text-anchor="end" x="{left - 6}" y="{top + place + 4:g}">{name}</text>'
        yield f'<text class="tick" text-anchor="middle" x="{left + place:g}" y="{top - 7}">{name}</text>'
        for column in range(len(positives)):
            weight = positives[row, column]
            kind, text, full = "", "", 0.0
            if weight:
                kind, text, full = "right", f"{weight:.2g}".lstrip("0"), weight
            elif negatives[row, column]:
                kind, text, full = "wrong", "\u2212", 0.22
            yield _cell(left + SIDE * column, top + SIDE * row, SIDE, kind, text, full)


def _cell(x, y, side, kind, text, full):
    """A square with a word in it; `kind` is a colour, `full` how much of it; without a kind an outline."""
    box = f'x="{x + 1}" y="{y + 1}" width="{side - 2}" height="{side - 2}"'
    if not kind:
        return f'<rect class="outline" {box}/>'
    strong = " strong" if full > 0.7 else ""
    middle = f'text-anchor="middle" x="{x + side / 2:g}" y="{y + side / 2 + 4:g}"'
    return f'<g class="cell {kind}{strong}"><rect {box} fill-opacity="{full:g}"/><text {middle}>{text}</text></g>'


def beside_an_anchor(similarities: Sequence[float]) -> np.ndarray:
    """Unit rows float64 [1 + n, 1 + n]: an anchor, and rows of these similarities to it; nothing else is shared."""
    s = np.asarray(similarities, np.float64)
    rows = np.diag(np.sqrt(1 - s**2))  # [n, n], what of each row the anchor does not share
    return np.block([[np.ones([1, 1]), np.zeros([1, len(s)])], [s[:, None], rows]])


def gradient_of_the_anchor(similarities, positives, **arguments) -> np.ndarray:
    """d L_0 / d z, float64 [1 + n, 1 + n], of row 0 against rows of these similarities; the first are its positives.

    `arguments` are those of the loss, which is not multiplied by its temperature.
    """
    labels = [0] * (1 + positives) + list(range(1, 1 + len(similarities) - positives))
    rows = tf.constant(beside_an_anchor(similarities))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = supervised_contrastive_loss(labels, rows, base_temperature=None, **arguments)[0]
    return tf.convert_to_tensor(tape.gradient(loss, rows)).numpy()


def along_the_anchor(similarities, positives, temperature, **arguments) -> np.ndarray:
    """float64 [n]: how strongly the loss draws each row to the anchor (below 0: away), times the temperature."""
    gradient = gradient_of_the_anchor(
        similarities, positives, temperature=temperature, normalize=False, **arguments
    )  # [1 + n, 1 + n]
    return -temperature * gradient[1:, 0]


def temperature_picture() -> str:
    """Which negatives are pushed, by temperature."""
    s = np.linspace(-0.5, 1, 61)
    lines = []
    for tone, temperature in enumerate((0.05, 0.1, 0.2, 0.5)):
        push = -along_the_anchor([0.8, *s], 1, temperature)[1:]  # [61]
        lines.append(Line(s, push / push.sum(), tone, "mean", f"temperature {temperature:g}"))
    return _chart("share of the push on all negatives", "similarity of a negative to the anchor", lines)


def summation_picture() -> str:
    """Which positives are drawn, by where the mean over positives stands."""
    s = np.linspace(-0.2, 0.6, 17)
    others = np.random.default_rng(0).uniform(-0.3, 0.3, 400)
    lines = [
        Line(s, along_the_anchor([*s, *others], len(s), 0.1, summation_location=where)[: len(s)], tone, "mean", name)
        for tone, (where, name) in enumerate((("out", "L_out"), ("in", "L_in")))
    ]
    title = "pull on one of 17 positives, times the temperature"
    return _chart(title, "its similarity to the anchor", lines)


def normalize_picture() -> str:
    """How far the gradient of an anchor moves a row before it is brought to unit length, by its similarity."""
    s, lines = np.linspace(-0.99, 0.99, 34), []
    others = np.random.default_rng(0).uniform(-0.3, 0.3, 300)
    for tone, (positive, name) in enumerate(((True, "a positive"), (False, "a negative"))):
        norms = []
        for each in s:
            similarities = [each, *others] if positive else [0.5, each, *others]
            gradient = gradient_of_the_anchor(similarities, 1, temperature=0.1, normalize=True)
            norms.append(0.1 * np.linalg.norm(gradient[1 if positive else 2]))
        lines.append(Line(s, np.array(norms), tone, "mean", name))
    return _chart("length of the gradient at that row, times the temperature", "its similarity to the anchor", lines)


def scale_picture() -> str:
    """What the loss is, as it is shown, of rows that are all equal, that lie anywhere, and of classes apart."""
    classes, images, width = 8, 64, 32
    labels = np.repeat(np.arange(classes), images // classes)
    spread = np.random.default_rng(0).normal(size=[images, 2, width])
    apart = np.tile(np.eye(classes, width)[labels][:, None], (1, 2, 1))
    equal = np.ones([images, 2, width])
    temperatures = np.linspace(0.02, 0.5, 25)
    lines = []
    for tone, (name, rows) in enumerate((("all rows equal", equal), ("random rows", spread), ("classes apart", apart))):
        values = [np.mean(supervised_contrastive_loss(labels, rows, temperature=float(t))) for t in temperatures]
        lines.append(Line(temperatures, np.array(values), tone, "mean", name))
    return _chart("loss of 64 images in two views, 8 classes", "temperature", lines)


def _chart(title, across, lines):
    names = [line.label for line in lines]
    head = svg(WIDTH, 20, [f'<text class="set" x="10" y="14" font-weight="600">{title}</text>'], label=title)
    return head + key(names) + line_chart(lines, across=across)


def visited(labels, *, by_class: bool, rows_of_a_tile: int):
    """(tiles int [n, 2], how many of them touch), as the loss visits them."""
    ids = pairs.row_ids(tf.constant(labels, tf.int64), views=1)
    rows = pairs.Rows(tf.zeros([len(labels), 1]), ids)
    cut, _ = blocks.cut(rows, size=rows_of_a_tile, by_class=by_class)
    tiles, touching = blocks.touching_first(cut, cut, symmetric=True)
    return tiles.numpy(), int(touching)


def tiles_picture() -> str:
    """The tiles of the matrix of similarities: computed once each, and told apart in pairs only where that matters."""
    labels, marks, side = np.arange(96) % 6, [], 26
    panels = (("the default", "the batch", False), ("a mode that tells classes", "classes", True))
    for number, (title, order, by_class) in enumerate(panels):
        left, top = 34 + number * 254, 44
        marks.append(f'<text class="set" x="{left}" y="{top - 26}" font-weight="600">{title}</text>')
        marks.append(f'<text class="tick" x="{left}" y="{top - 9}">rows in order of {order}</text>')
        tiles, touching = visited(labels, by_class=by_class, rows_of_a_tile=12)
        places = {tuple(tile): place for place, tile in enumerate(tiles.tolist())}
        for i, j in np.ndindex(8, 8):
            place = places.get((i, j))
            kind, text = ("", "") if place is None else ("right", str(place + 1))
            full = 0.25 if place is None or place >= touching else 1
            marks.append(_cell(left + side * j, top + side * i, side, kind, text, full))
    return svg(WIDTH, 262, marks, label="tiles of the matrix of similarities, numbered as they are visited")
