"""Stored sets of corrupted images in all three layouts, tiny: every pixel of an image says which one it is."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import PIL.Image
import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.names import CORRUPTIONS, SEVERITIES

EACH = 6  # images of a severity
LABELS = np.arange(EACH) % 3
# Written out here again: what TFDS calls the two whose names are others.
TFDS_NAMES = {"glass_blur": "frosted_glass_blur", "elastic_transform": "elastic"}


def numbered(shape=(8, 8, 3)) -> dict[str, np.ndarray]:
    """By corruption uint8 [5 EACH, H, W, 3]; the first pixel says corruption, severity, and which image it is."""
    found = {}
    for place, name in enumerate(CORRUPTIONS):
        images = np.zeros([len(SEVERITIES), EACH, *shape], np.uint8)
        images[:, :, 0, 0, 0] = 10 + place
        images[:, :, 0, 0, 1] = np.array(SEVERITIES)[:, None]
        images[:, :, 0, 0, 2] = np.arange(EACH)
        found[name] = images.reshape(-1, *shape)
    return found


def write_arrays(folder: pathlib.Path, images: dict[str, np.ndarray], labels: np.ndarray) -> None:
    """As CIFAR-10-C; labels are those of one severity."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in images.items():
        np.save(folder / f"{name}.npy", found)
    np.save(folder / "labels.npy", np.tile(labels, len(SEVERITIES)))


def write_folders(folder: pathlib.Path, images: dict[str, np.ndarray], labels: np.ndarray, class_names, group=None):
    """As ImageNet-C, without loss; `group` is the folder of a corruption's group."""
    for name, found in images.items():
        place = folder / group(name) / name if group else folder / name
        for number, image in enumerate(found):
            severity, k = divmod(number, len(labels))
            path = place / str(severity + 1) / class_names[labels[k]] / f"{k:05}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image).save(path)


def write_tfds(data_dir: pathlib.Path, images: dict[str, np.ndarray], labels: np.ndarray, *, split="test",
               name="cifar10_corrupted", names=TFDS_NAMES, class_names=None) -> None:  # fmt: skip
    """As TFDS prepares `cifar10_corrupted`: a config a corruption and severity."""
    label = {"names": class_names} if class_names else {"num_classes": int(labels.max()) + 1}
    for corruption, found in images.items():
        features = tfds.features.FeaturesDict(
            {"image": tfds.features.Image(shape=found.shape[1:]), "label": tfds.features.ClassLabel(**label)}
        )
        for severity in SEVERITIES:
            config = f"{names.get(corruption, corruption)}_{severity}"
            own = found[(severity - 1) * len(labels) : severity * len(labels)]
            _write_config(data_dir / name / config / "1.0.0", name, config, features, (own, labels), split)


def _write_config(place: pathlib.Path, name: str, config: str, features, examples, split: str) -> None:
    place.mkdir(parents=True)
    records = [features.serialize_example({"image": i, "label": int(c)}) for i, c in zip(*examples)]
    with tf.io.TFRecordWriter(str(place / f"{name}-{split}.tfrecord-00000-of-00001")) as writer:
        for record in records:
            writer.write(record)
    features.save_config(str(place))
    part = {
        "name": split,
        "shardLengths": [str(len(records))],
        "numBytes": str(sum(map(len, records))),
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
    }
    keys = {"supervisedKeys": {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}}}
    info = {"name": name, "configName": config, "version": "1.0.0", "fileFormat": "tfrecord", "splits": [part], **keys}
    (place / "dataset_info.json").write_text(json.dumps(info))
