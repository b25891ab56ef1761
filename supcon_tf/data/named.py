"""An image set by its name, in a line: TFDS sets, folders of photographs, the embedded digits."""

from __future__ import annotations

import os
from typing import Callable, Optional, Union

import tensorflow as tf

from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.data.examples import OPENED, Numbered
from supcon_tf.public import not_installed


def load(
    name: Union[str, os.PathLike[str]],
    split: str = "train",
    *,
    data_dir: Optional[Union[str, os.PathLike[str]]] = None,
    size: Optional[int] = None,
    download: bool = False,
) -> tf.data.Dataset:
    """The examples of an image set, in stored order, each once.

    Nothing is downloaded unless asked for; the digits, which come with scikit-learn, are written into `data_dir` at
    first use. The files of a folder are all read once, to find broken ones; what is known of them is kept in
    `data_dir`, and only new ones are read the next time. Images are read upright.

    What is held in memory: nothing, as long as images are read in order. `balanced_batches` and `shuffled_batches` of
    this dataset itself (not of what `map` makes of it) take images by number: those of a TFDS set are then held,
    decoded if that takes less than 4 GiB, else as their files; a folder is read file by file.

    Args:
        name: of TFDS, as "cifar10" or "imagenet_resized/32x32"; "digits"; "folder:PATH", or a `pathlib.Path`, of a
            folder with a sub-folder of images for each class (docs/guides/data.md).
        split: of TFDS, as "train[:90%]"; of a folder "train" or "test": where it has no such sub-folders, every fifth
            image of a class is for the test.
        data_dir: where TFDS sets are prepared; None: where TFDS prepares them, usually ~/tensorflow_datasets.
        size: S: cuts the central square and resizes it, as evaluation shows it to an encoder. None: images as they are.
        download: prepares a TFDS set that is not there, from the network.

    Returns:
        tf.data.Dataset of (image uint8 [height, width, ch], or float32 [S, S, ch] in [0, 1] with `size`; label int64
        [], or float32 [C] where images have several labels). Its attribute `class_names` is the list of names.

    Raises:
        ValueError: there is no such set or split, or it is not prepared (DataNotPrepared); files of a folder are no
            images.
        ImportError: TensorFlow Datasets or Pillow is not installed.
        OSError: files are damaged, or cannot be read or written.

    Example:
        >>> import tempfile
        >>> digits = load("digits", "test", data_dir=tempfile.mkdtemp())
        >>> digits.element_spec[0].shape, len(digits), digits.class_names[:3]
        (TensorShape([8, 8, 1]), 539, ['0', '1', '2'])
    """
    try:
        from supcon_tf.data.sets.folder import PREFIX
        from supcon_tf.data.sets.load import load_source
        from supcon_tf.data.sets.prepared import DataNotPrepared, is_known
        from supcon_tf.data.sets.tfds_files import own_logging
    except ModuleNotFoundError as error:
        raise ImportError(not_installed("reading an image set by its name", error.name)) from error
    name = f"{PREFIX}{os.fspath(name)}" if isinstance(name, os.PathLike) else name
    is_folder = name.startswith(PREFIX)
    place = _usual_place() if data_dir is None else os.fspath(data_dir)
    own = split if is_folder else "train"  # a split of TFDS is the one that is read, whatever its name
    crop: Optional[Callable[[tf.Tensor], tf.Tensor]] = None if size is None else evaluation_crop(size=size)

    def shaped(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return crop(image) if crop else image, label

    def opened() -> Optional[Numbered]:
        with own_logging():
            fetch = source.fetch(own)
            return Numbered(source.labels(own), lambda number: shaped(*fetch(number))) if fetch else None

    with own_logging():
        if download:
            _prepare(name, place, is_folder)
        try:
            source = load_source(name, place, train_split="" if is_folder else split)
        except DataNotPrepared as error:
            if is_folder or not is_known(name):
                raise
            raise DataNotPrepared(f"{error} Or here: `sc.data.load({name!r}, download=True)`.") from None
        count = source.count(own)
        fetch = source.fetch(own) if is_folder else None
        if fetch:
            examples = tf.data.Dataset.range(count).map(lambda number: shaped(*fetch(number)), tf.data.AUTOTUNE)
        else:
            examples = source.stream(own).map(
                lambda encoded, label: shaped(source.decode(encoded), label), tf.data.AUTOTUNE
            )
    examples = examples.apply(tf.data.experimental.assert_cardinality(count))
    examples.class_names = list(source.facts.class_names)
    setattr(examples, OPENED, opened)
    return examples


def _usual_place() -> str:
    import tensorflow_datasets as tfds

    return os.path.expanduser(str(tfds.core.constants.DATA_DIR))


def _prepare(name: str, place: str, is_folder: bool) -> None:
    import tensorflow_datasets as tfds

    if is_folder:
        raise ValueError(f"{name} lies on this machine: there is nothing to download.")
    if name != "digits":
        tfds.builder(name, data_dir=place).download_and_prepare()
