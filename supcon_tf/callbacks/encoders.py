"""What the callbacks here share: whose features they look at, and at the end of which epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from supcon_tf.evaluation.encoder import Embedded, Labelled, embedder


class LooksAtFeatures(tf.keras.callbacks.Callback):
    """Embeds images at the end of every `every`-th epoch, counted from 1, and of the last.

    What such a look will refuse, `check` refuses before the first step, so that no epoch is lost to it.

    Args:
        every: epochs between two looks.
        encoder: from images to features [B, F]; None: the model that is trained.
    """

    def __init__(self, *, every: int = 1, encoder: Optional[Callable[..., tf.Tensor]] = None):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be 1 or more epochs; got {every}.")
        self.every, self.encoder = every, encoder
        self._embed: Optional[Callable[[Labelled, str], Embedded]] = None

    def on_train_begin(self, logs: Optional[dict[str, Any]] = None) -> None:
        """Looks at this model from now on."""
        self.check()
        self._embed = embedder(self.encoder or self.model)

    def check(self) -> None:
        """Raises a ValueError where the data cannot be looked at, as far as that is seen without the network."""

    def require_images(self, data: Labelled, name: str) -> None:
        """Raises a ValueError where the network looked at takes something else than these images, such as views."""
        images = data.element_spec[0] if isinstance(data, tf.data.Dataset) else data[0]
        wanted = wanted_instead(self.encoder or self.model, images)
        if wanted:
            hint = "" if self.encoder else f" Give it the encoder inside: {type(self).__name__}(..., encoder=encoder)."
            raise ValueError(
                f"{type(self).__name__} looks at images, and `{name}` has some of shape {shape_of(images)}, but the "
                f"{'encoder' if self.encoder else 'model'} takes {wanted}.{hint}"
            )

    def due(self, epoch: int) -> bool:
        """Whether to look at the end of an epoch, counted from 0."""
        return (epoch + 1) % self.every == 0 or epoch + 1 == self.params.get("epochs")

    def features(self, data: Labelled, name: str) -> Embedded:
        """(features [n, F], labels [n]) of (images, labels) or a dataset of batches of them, as they are now."""
        embed = self._embed or embedder(self.encoder or self.model)
        return embed(data, name)


def shape_of(images: Any) -> list[Optional[int]]:
    """Of an array, or of what a dataset says of its batches; empty where it is not known."""
    shape = tf.TensorShape(images.shape if hasattr(images, "shape") else np.shape(images))
    return [] if shape.rank is None else shape.as_list()


def wanted_instead(network: Any, images: Any) -> list[Optional[int]]:
    """The shape that a network takes, where images are not of it; empty where they are, or where it does not say.

    Example:
        >>> network = tf.keras.Sequential([tf.keras.Input([2, 6]), tf.keras.layers.Dense(3)])
        >>> wanted_instead(network, np.zeros([5, 6])), wanted_instead(network, np.zeros([5, 2, 6]))
        ([None, 2, 6], [])
    """
    try:
        wanted = network.input_shape
    except (AttributeError, RuntimeError, ValueError):
        return []
    shape = [] if isinstance(images, (dict, tf.data.Dataset)) else shape_of(images)
    if not isinstance(wanted, tuple) or not all(size is None or isinstance(size, int) for size in wanted) or not shape:
        return []
    one_channel = 1 in (wanted[-1], shape[-1]) and abs(len(wanted) - len(shape)) == 1  # which Keras adds or drops
    fit = len(wanted) == len(shape) and all(None in pair or pair[0] == pair[1] for pair in zip(wanted[1:], shape[1:]))
    return [] if one_channel or fit else list(wanted)


def texts_of(labels: NDArray[Any], class_names: Optional[Sequence[str]]) -> list[str]:
    """Labels as their names, or as numbers where they have none.

    Raises:
        ValueError: a label has no name.

    Example:
        >>> import numpy as np
        >>> texts_of(np.array([1, 0]), ["cat", "dog"]), texts_of(np.array([1, 0]), None)
        (['dog', 'cat'], ['1', '0'])
    """
    if class_names is not None and len(class_names) <= labels.max():
        raise ValueError(f"class_names are {len(class_names)}, and labels go up to {labels.max()}: name every class.")
    return [str(label) if class_names is None else str(class_names[label]) for label in labels]
