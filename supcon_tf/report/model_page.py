"""The page of a model file of anybody: how it is read, what was measured of it; nothing is known of its training."""

from __future__ import annotations

from collections.abc import Sequence

from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import replace_text
from supcon_tf.report import page
from supcon_tf.report.measures import measures_section
from supcon_tf.report.runs import Run, RunGroup


def write_model_page(directory: RunDirectory, name: str, described: Sequence[str]) -> None:
    """Writes `report.html`, self-contained.

    Args:
        directory: with the `measures.json` of the model.
        name: of the model.
        described: how it is read, in lines.

    Raises:
        OSError: it cannot be written.

    Example:
        >>> import tempfile
        >>> directory = RunDirectory(tempfile.mkdtemp())
        >>> write_model_page(directory, "photos.keras", ["classes: taken in the order of the data, cat, dog"])
        >>> "photos.keras" in directory.report.read_text() and "cat, dog" in directory.report.read_text()
        True
    """
    told = "".join(page.note(line) for line in described)
    lead = "A model file: what launch.evaluate measured of it, and how it was read."
    header = f'<header>\n<h1>{page.escape(name)}</h1>\n<p class="lead">{lead}</p>\n{told}\n</header>'
    as_run = Run(directory, {"experiment": name, "seed": None}, config={}, environment={}, metrics=[])
    replace_text(directory.report, page.document(name, [header, measures_section([RunGroup(name, (as_run,))])]))
