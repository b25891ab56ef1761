"""A picture of the embeddings an epoch, as a page and in a notebook."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import tensorflow as tf

from supcon_tf import notebook
from supcon_tf.callbacks.encoders import LooksAtFeatures, texts_of
from supcon_tf.evaluation.encoder import Labelled, labels_in
from supcon_tf.records.files import replace_text
from supcon_tf.report import page
from supcon_tf.report.class_figures import scatter
from supcon_tf.report.embedding_map import FEWEST, project

FRAME = ("740px", "640px")  # of a notebook: the page as a narrow screen has it


class EmbeddingMap(LooksAtFeatures):
    """Draws features of some images in two dimensions, a page an epoch: `epoch_0003.html`.

    By t-SNE (van der Maaten & Hinton, 2008), which keeps neighbours together and says nothing of distances.

    In a notebook the cell that runs `fit` shows the newest page.

    Args:
        folder: for the pages, which any browser shows; made if absent.
        data: (images, labels), or a finite dataset of batches of them.
        every: epochs between two pictures; the last epoch is always drawn.
        limit: images to draw.
        class_names: names of the labels [C]; None: their numbers.
        encoder: as of `KNNAccuracy`.

    Raises:
        ValueError: as `fit` begins: fewer than 4 images, or a label without a name.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf
        >>> model = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(3)])
        >>> model.compile("sgd", "mse")
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> draw = EmbeddingMap(folder, (tf.random.normal([8, 3]).numpy(), [0, 1] * 4))
        >>> history = model.fit(tf.eye(3), tf.zeros([3, 3]), callbacks=[draw], verbose=0)
        >>> [path.name for path in folder.iterdir()]
        ['epoch_0001.html']
    """

    def __init__(
        self,
        folder: Union[str, os.PathLike[str]],
        data: Labelled,
        *,
        every: int = 1,
        limit: int = 1000,
        class_names: Optional[Sequence[str]] = None,
        encoder: Optional[Callable[..., tf.Tensor]] = None,
    ):
        super().__init__(every=every, encoder=encoder)
        self.folder, self.data, self.limit, self.class_names = pathlib.Path(folder), data, limit, class_names
        self._shown = notebook.Page(*FRAME)

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Shows in this cell from now on."""
        super().on_train_begin(logs)
        self._shown = notebook.Page(*FRAME)

    def check(self) -> None:
        """Whether there are images enough, and every label has a name."""
        labels = labels_in(self.data, "data", first=None if self.class_names else FEWEST)
        if len(labels) < FEWEST:
            raise ValueError(f"a map needs {FEWEST} images or more; `data` has {len(labels)}.")
        texts_of(labels, self.class_names)
        self.require_images(self.data, "data")

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Draws, where it is time."""
        if not self.due(epoch):
            return
        features, labels = self.features(self.data, "data")
        names = texts_of(np.arange(labels.max() + 1), self.class_names)
        rows, places = project(features, limit=self.limit)
        drawn = scatter(places, labels[rows], np.zeros(len(rows), bool), names)
        title = f"Embeddings after epoch {epoch + 1}"
        self.folder.mkdir(parents=True, exist_ok=True)
        caption = f"t-SNE of {len(rows):,} images; a colour is a class."
        html = page.document(title, [page.figure(title, drawn, caption=caption)])
        replace_text(self.folder / f"epoch_{epoch + 1:04d}.html", html)
        self._shown.show(html)
