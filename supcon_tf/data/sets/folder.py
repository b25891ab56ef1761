"""A folder of images with a sub-folder for each class, read as it lies (`folder_layout` says what may lie where).

Images are files with the usual endings (`image_files.SUFFIXES`), in any case; what they hold decides how they are read.
"""

from __future__ import annotations

import os
import re
import zlib
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.data.sets import exif, folder_layout, image_check, image_files, source
from supcon_tf.paths import shown, told

PREFIX = "folder:"
_BITS_IN_USE = 14  # of 16: an image that uses fewer is dark, or of a camera that has no more
# What an error of TensorFlow says where it comes from reading a file.
_READING = re.compile(r"DecodeImage|PyFunc|ReadFile|UnidentifiedImage|image file is truncated")


class Folder(source.Source):
    """A folder of images in class sub-folders. Every image can be had by its number, read when it is wanted.

    All files are read once, when the folder is first used (`image_check.check`): so a broken file shows before
    anything is trained, and what is skipped is settled before the images are numbered.

    Args:
        path: of the folder.
        known_in: directory where the check is kept, so that an unchanged folder is not read again.
        broken_images: "fail" or "skip": what to do when files cannot be read as images.
        layout_of: what the folder means, a function of `folder_layout`.

    Raises:
        ValueError: as `folder_layout.read`; or broken files and `broken_images` is "fail": the message names them.
        OSError: a folder cannot be listed.
        MemoryError: an image needs more than there is.
    """

    def __init__(
        self, path: str, known_in: str, *, broken_images: str = "fail", layout_of: Callable = folder_layout.read
    ):
        self._root = path
        layout = layout_of(self._root, ignored=known_in)
        for note in [*layout.notes, *([f"left out: {layout.left_out}"] if layout.left_out else [])]:
            print(f"{shown(path)}: {note}", flush=True)
        names = [name for split in layout.splits.values() for members in split.values() for name in members]
        self._checked = image_check.check(self._root, names, known_in=known_in)
        faults = {name: self._checked[name].fault for name in names if self._checked[name].fault}
        _report_broken(path, faults, broken_images)
        _report_dark(path, self._checked)
        kept = {
            split: {label: [n for n in members if n not in faults] for label, members in classes.items()}
            for split, classes in layout.splits.items()
        }
        folder_layout.require_classes(self._root, kept)
        classes = list(kept["train"])
        number_of = {label: number if layout.labelled else -1 for number, label in enumerate(classes)}
        self._names = {split: [n for members in found.values() for n in members] for split, found in kept.items()}
        self._stored_labels = {
            split: [number_of[label] for label, members in found.items() for _ in members]
            for split, found in kept.items()
        }
        super().__init__(self._facts(f"{PREFIX}{path}", classes, layout))

    def _labels(self, split: str) -> np.ndarray:
        return np.array(self._chosen(split, self._stored_labels), np.int64)

    def _stream(self, split: str, first: Optional[tf.Tensor], end: Optional[tf.Tensor]) -> tf.data.Dataset:
        paths = tf.constant(self._paths(split))
        return tf.data.Dataset.from_tensor_slices((paths[first:end], self._labels(split)[first:end])).map(
            lambda path, label: (tf.io.read_file(path), label)
        )

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        return image_files.decode(encoded, image_files.way_of(encoded))

    def file_names(self, split: str) -> list[str]:
        return list(self._chosen(split, self._names))

    def explain(self, error: tf.errors.OpError) -> str:
        changed = image_check.changed(self._root, self._checked)
        if changed:
            what = f"changed or went away:{told(changed)}\nBring them back, or start again with another --workdir"
        elif _READING.search(str(error)):
            used = [name for names in self._names.values() for name in names]
            faults = image_check.damaged(self._root, used)
            what = f"can no longer be read:{_with_faults(faults)}\nBring them back from a copy" if faults else ""
        else:
            what = ""
        return f"files of {self.facts.name} {what}" if what else ""

    def fingerprint(self) -> str:
        """Names and sizes of the files that are used, in order."""
        listed = "".join(f"{n}\0{self._checked[n].size}\0" for names in self._names.values() for n in names)
        return f"{len(self._checked)} files, {zlib.crc32(os.fsencode(listed)):08x}"

    def _image_of(self, split: str) -> Optional[Callable[[tf.Tensor], tf.Tensor]]:
        ways_of_all = [self._checked[name].way for name in self._chosen(split, self._names)]
        shape, plain = self.facts.image_shape, set(ways_of_all) == {exif.AS_STORED}
        with tf.device("CPU:0"):
            paths, ways = tf.constant(self._paths(split)), tf.constant(ways_of_all, tf.int64)

        def image_of(number: tf.Tensor) -> tf.Tensor:
            encoded = tf.io.read_file(tf.gather(paths, number))
            if plain:
                return tf.ensure_shape(image_files.decode_plain(encoded), shape)
            return tf.ensure_shape(image_files.decode(encoded, tf.gather(ways, number)), shape)

        return image_of

    def _paths(self, split: str) -> list[bytes]:
        return [os.fsencode(os.path.join(self._root, name)) for name in self._chosen(split, self._names)]

    def _chosen(self, split: str, stored: dict[str, list]) -> list:
        """Those of a split, after a check that there is one, that are left after everything that is not trained on."""
        self.count(split)
        kept = self._kept if split == "train" else None
        return stored[split] if kept is None else [stored[split][number] for number in kept]

    def _facts(self, name: str, classes: list[str], layout: folder_layout.Layout) -> source.Facts:
        used = [self._checked[name] for names in self._names.values() for name in names]
        sizes = {(image.height, image.width) for image in used}
        return source.Facts(
            name=shown(name),
            classes=len(classes),
            class_names=tuple(map(shown, classes)),
            image_shape=(*(sizes.pop() if len(sizes) == 1 else (None, None)), 3),
            train_examples=len(self._names["train"]),
            test_examples=len(self._names.get("test", ())),
            test_split=shown(layout.test_split),
            mean=(0.5,) * 3,
            std=(0.5,) * 3,
            labelled=layout.labelled,
            left_out=layout.left_out,
        )


def _report_broken(path: str, faults: dict[str, str], broken_images: str) -> None:
    if not faults:
        return
    count = f"{len(faults):,} file{'s' if len(faults) > 1 else ''}"
    if broken_images == "skip":
        print(f"{shown(path)}: skipped {count} that cannot be read as an image:{_with_faults(faults)}", flush=True)
    else:
        raise ValueError(
            f"{shown(path)} has {count} that cannot be read as an image:{_with_faults(faults)}\nRepair or remove them, "
            "or leave them out with `data.broken_images=skip`."
        )


def _report_dark(path: str, checked: dict[str, image_check.Checked]) -> None:
    """Says so where images of 16 bits hold numbers of a camera of fewer: their upper 8 bits are nearly all there is."""
    dark = {name: image.peak for name, image in checked.items() if 0 < image.peak < 2**_BITS_IN_USE}
    if not dark:
        return
    most = max(dark.values())
    images = f"{len(dark):,} images" if len(dark) > 1 else "one image"
    print(
        f"{shown(path)}: of 65,535 no more than {most:,} is used by {images} of 16 bits a channel, such as "
        f"{shown(next(iter(dark)))}. Read by the upper 8 bits, that is dark or black. If it is not meant: multiply the "
        f"values by {2 ** (16 - most.bit_length())}, which fills the range, or store 8 bits.",
        flush=True,
    )


def _with_faults(faults: dict[str, str]) -> str:
    return told(f"{name}: {fault}" for name, fault in faults.items())
