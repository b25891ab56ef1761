"""Features for TensorBoard's projector."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import tensorflow as tf

from supcon_tf.callbacks.encoders import LooksAtFeatures, texts_of
from supcon_tf.evaluation.encoder import Labelled, labels_in
from supcon_tf.report.projector import write_projector


class ProjectorLog(LooksAtFeatures):
    """Writes features of some images to where `tensorboard --logdir=FOLDER` shows them in three dimensions.

    Args:
        folder: for the files; those of the epoch before are replaced.
        data: (images, labels), or a finite dataset of batches of them; some thousands are enough.
        every: epochs between two looks; the last epoch is always written.
        class_names: names of the labels [C]; None: their numbers.
        encoder: as of `KNNAccuracy`.

    Raises:
        ValueError: as `fit` begins: data without labels, or a label without a name.
        OSError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf
        >>> model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(3)])
        >>> model.compile("sgd", "mse")
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> log = ProjectorLog(folder, (tf.eye(2).numpy(), [0, 1]), class_names=["cat", "dog"])
        >>> history = model.fit(tf.eye(2), tf.zeros([2, 3]), callbacks=[log], verbose=0)
        >>> sorted(path.name for path in folder.iterdir())
        ['metadata.tsv', 'projector_config.pbtxt', 'tensors.tsv']
    """

    def __init__(
        self,
        folder: Union[str, os.PathLike[str]],
        data: Labelled,
        *,
        every: int = 1,
        class_names: Optional[Sequence[str]] = None,
        encoder: Optional[Callable[..., tf.Tensor]] = None,
    ):
        super().__init__(every=every, encoder=encoder)
        self.folder, self.data, self.class_names = pathlib.Path(folder), data, class_names

    def check(self) -> None:
        """Whether there are labels, and each has a name."""
        texts_of(labels_in(self.data, "data", first=None if self.class_names else 1), self.class_names)
        self.require_images(self.data, "data")

    def on_epoch_end(self, epoch: int, logs: Optional[dict[str, Any]] = None) -> None:
        """Writes, where it is time."""
        if self.due(epoch):
            features, labels = self.features(self.data, "data")
            write_projector(self.folder, features, {"label": texts_of(labels, self.class_names)})
