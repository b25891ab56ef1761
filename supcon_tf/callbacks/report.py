"""A page of what a `fit` has shown, written anew after every epoch, and shown in a notebook."""

from __future__ import annotations

import json
import math
import os
import pathlib
from html import escape
from typing import Any, Optional, Union

import numpy as np
import tensorflow as tf

from supcon_tf import notebook
from supcon_tf.records.files import replace_text
from supcon_tf.report import page
from supcon_tf.report.figures import Line, line_chart

SHARES = ("accuracy",)  # names that hold this are shares, written as percentages


class Report(tf.keras.callbacks.Callback):
    """Writes `report.html`, curves of everything in the logs, and `history.jsonl`, a line an epoch, into a folder.

    The page is whole in itself: no script, no link. In a notebook the cell that runs `fit` shows it. Stand it after
    callbacks that add to the logs. A `fit` that goes on (`BackupAndRestore`, `initial_epoch`) goes on here: lines of
    epochs that run again are replaced.

    Args:
        folder: made if absent; another `fit` wants another.
        title: of the page.

    Raises:
        ValueError: `history.jsonl` is there and is none of these files.
        OSError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> model = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(3)])
        >>> model.compile("sgd", "mse")
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> history = model.fit(tf.eye(3), tf.eye(3), epochs=2, callbacks=[Report(folder)], verbose=0)
        >>> [json.loads(line)["epoch"] for line in (folder / "history.jsonl").read_text().splitlines()]
        [1, 2]
        >>> "loss" in (folder / "report.html").read_text()
        True
    """

    def __init__(self, folder: Union[str, os.PathLike[str]], title: str = "Training"):
        super().__init__()
        self.folder, self.title = pathlib.Path(folder), title
        self._records: list[dict[str, Any]] = []
        self._shown = notebook.Page()

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Reads what an earlier session of this `fit` wrote."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._shown = notebook.Page()  # in this cell
        self._records = _read(self.folder / "history.jsonl")

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Adds the epoch and writes both files."""
        numbers = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        self._records = [record for record in self._records if record["epoch"] <= epoch]
        self._records.append({"epoch": epoch + 1, **numbers})
        replace_text(self.folder / "history.jsonl", "".join(json.dumps(record) + "\n" for record in self._records))
        document = page.document(self.title, _sections(self.title, self._records))
        replace_text(self.folder / "report.html", document)
        self._shown.show(document)


def _read(path: pathlib.Path) -> list[dict[str, Any]]:
    """Records of a file, in order; none where there is none."""
    if not path.exists():
        return []
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [record for record in records if isinstance(record["epoch"], int)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no history of a `fit` ({error}): give `Report` a folder of its own.") from error


def _sections(title: str, records: list[dict[str, Any]]) -> list[str]:
    """A header, and a chart for each number with its validation beside it."""
    names = list(dict.fromkeys(name.removeprefix("val_") for record in records for name in record if name != "epoch"))
    charts = [chart for name in names if (chart := _chart(name, records))]
    lead = f"Epoch {records[-1]['epoch']}. Solid: validation, or all there is. Dotted: training."
    header = f'<header>\n<h1>{escape(title)}</h1>\n<p class="lead">{lead}</p>\n</header>'
    return [header, page.section("Training", [page.pair(charts)] if charts else [page.note("Nothing was logged.")])]


def _chart(name: str, records: list[dict[str, Any]]) -> str:
    lines = []
    both = all(any(key in record for record in records) for key in (name, f"val_{name}"))
    for key, kind in ((name, "train" if both else "mean"), (f"val_{name}", "mean")):
        points = [(record["epoch"], record[key]) for record in records if key in record]
        if any(math.isfinite(value) for _, value in points):
            x, y = np.array(points, np.float64).T
            lines.append(Line(x, y, 0, kind, key))
    last = [f"{key} {record[key]:.4g}" for record in records[-1:] for key in (name, f"val_{name}") if key in record]
    if not lines:
        return ""
    percent = any(word in name for word in SHARES)
    return page.figure(name, line_chart(lines, percent=percent), caption=", ".join(last))
