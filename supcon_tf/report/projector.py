"""Embeddings as files of TensorBoard's projector, which shows them in two and three dimensions."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence

import numpy as np

from supcon_tf.paths import shown
from supcon_tf.records.files import replace, replace_text

_CONFIG = """embeddings {
  tensor_name: "features"
  tensor_path: "tensors.tsv"
  metadata_path: "metadata.tsv"
}
"""
_ROWS = 4096  # written at once


def write_projector(folder: pathlib.Path, features: np.ndarray, columns: dict[str, Sequence[str]]) -> None:
    """Writes `tensors.tsv`, `metadata.tsv` and `projector_config.pbtxt`; `tensorboard --logdir=FOLDER` shows them.

    The configuration is written last, and taken away first: without it TensorBoard shows nothing, so an interruption
    leaves no points with the labels of others.

    Args:
        folder: made if absent; other files in it stay.
        features: float [n, F].
        columns: what is told of each point, n texts by what they are.

    Raises:
        ValueError: a column has other than n texts.
        OSError: a file could not be written.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "points"
        >>> write_projector(folder, np.eye(2), {"label": ["cat", "dog"]})
        >>> (folder / "tensors.tsv").read_text().splitlines(), (folder / "metadata.tsv").read_text().split()
        (['1\\t0', '0\\t1'], ['cat', 'dog'])
    """
    for name, texts in columns.items():
        if len(texts) != len(features):
            raise ValueError(f"column {name!r} must have a text for each of {len(features)} rows; got {len(texts)}.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "projector_config.pbtxt").unlink(missing_ok=True)
    replace(folder / "tensors.tsv", lambda file: _write_rows(file, features))
    replace_text(folder / "metadata.tsv", _metadata(columns))
    replace_text(folder / "projector_config.pbtxt", _CONFIG)


def _write_rows(file, features: np.ndarray) -> None:
    """A line for each row, in blocks: as one text the file of a large set would not fit in memory."""
    for start in range(0, len(features), _ROWS):
        text = io.StringIO()
        np.savetxt(text, features[start : start + _ROWS], fmt="%.9g", delimiter="\t")
        file.write(text.getvalue().encode("ascii"))


def _metadata(columns: dict[str, Sequence[str]]) -> str:
    """A line for each point. TensorBoard wants a head where there are several columns, and none where there is one."""
    names = list(columns)
    lines = ["\t".join(names)] if len(names) > 1 else []
    # `shown` escapes tabs and line breaks, which would begin another column or point.
    lines += ["\t".join(shown(str(text)) or "-" for text in row) for row in zip(*columns.values())]
    return "\n".join(lines) + "\n"
