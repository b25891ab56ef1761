"""A folder of images with a sub-folder for each class, read as it lies.

    FOLDER/train/CLASS/*.png                  what to train on
    FOLDER/test/CLASS/*.jpg                   what to evaluate on; or `validation`, or `val`

or, without `train`, FOLDER/CLASS/*.jpeg: then of each class every fifth image, by name, is held out for the test.
Images are files whose names end in .jpg, .jpeg or .png, in any case; what they hold decides how they are read
(`image_files.decode`). Classes are numbered in the order of their names.
"""

from __future__ import annotations

import os
import zlib
from typing import Callable, Optional

import numpy as np
import tensorflow as tf

from supcon_tf.data.sets import image_files, source

PREFIX = "folder:"
TEST_SPLITS = ("test", "validation", "val")
HELD_OUT = 5  # Of a folder without splits, every fifth image of a class.


class Folder(source.Source):
    """A folder of images in class sub-folders. Every image can be had by its number, read when it is wanted.

    All files are read once, when the folder is first used (`image_files.check`): so a broken file shows before
    anything is trained, and what is skipped is settled before the images are numbered.

    Args:
        path: of the folder.
        known_in: directory where the check is kept, so that an unchanged folder is not read again.
        broken_images: "fail" or "skip": what to do when files cannot be read as images.

    Raises:
        ValueError: no such folder, no classes in it, a class without images or only in the test, or broken files and
            `broken_images` is "fail"; the message names them.
    """

    def __init__(self, path: str, known_in: str, *, broken_images: str = "fail"):
        self._root = os.path.abspath(os.path.expanduser(path))
        listed, self._test_split = _listing(self._root)
        names = [name for split in listed.values() for members in split.values() for name in members]
        self._checked = image_files.check(self._root, names, known_in=known_in)
        _report_broken(path, {n: c.fault for n, c in self._checked.items() if c.fault}, broken_images)
        kept = {
            split: {label: [n for n in members if not self._checked[n].fault] for label, members in classes.items()}
            for split, classes in listed.items()
        }
        class_names = _class_names(path, kept)
        self._names = {split: [n for members in classes.values() for n in members] for split, classes in kept.items()}
        self._stored_labels = {
            split: np.repeat([class_names.index(label) for label in classes], [len(m) for m in classes.values()])
            for split, classes in kept.items()
        }
        super().__init__(self._facts(f"{PREFIX}{path}", class_names))

    def _labels(self, split: str) -> np.ndarray:
        self.count(split)
        return self._chosen(split, self._stored_labels[split]).astype(np.int64)

    def _stream(self, split: str, first: Optional[tf.Tensor], end: Optional[tf.Tensor]) -> tf.data.Dataset:
        paths = tf.constant(self._paths(split))
        return tf.data.Dataset.from_tensor_slices((paths[first:end], self._labels(split)[first:end])).map(
            lambda path, label: (tf.io.read_file(path), label)
        )

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        return image_files.decode(encoded)

    def explain(self) -> str:
        """What happened to files since they were checked, for the message of a run that failed to read one; or ""."""
        changed = image_files.changed(self._root, self._checked)
        return f"files of {self.facts.name} changed or went away:{image_files.told(changed)}" if changed else ""

    def fingerprint(self) -> str:
        """Names and sizes of the files that are used, in order."""
        listed = "".join(f"{n}\0{self._checked[n].size}\0" for names in self._names.values() for n in names)
        return f"{len(self._checked)} files, {zlib.crc32(os.fsencode(listed)):08x}"

    def _image_of(self, split: str) -> Optional[Callable[[tf.Tensor], tf.Tensor]]:
        with tf.device("CPU:0"):
            paths = tf.constant(self._paths(split))
        shape = self.facts.image_shape
        return lambda number: tf.ensure_shape(self.decode(tf.io.read_file(tf.gather(paths, number))), shape)

    def _paths(self, split: str) -> list[bytes]:
        self.count(split)
        return [os.fsencode(os.path.join(self._root, name)) for name in self._chosen(split, self._names[split])]

    def _chosen(self, split: str, stored):
        return np.array(stored)[self._kept] if split == "train" and self._kept is not None else stored

    def _facts(self, name: str, class_names: list[str]) -> source.Facts:
        sizes = {self._checked[n][2:4] for names in self._names.values() for n in names}
        return source.Facts(
            name=name,
            classes=len(class_names),
            class_names=tuple(class_names),
            image_shape=(*(sizes.pop() if len(sizes) == 1 else (None, None)), 3),
            train_examples=len(self._names["train"]),
            test_examples=len(self._names.get("test", ())),
            test_split=self._test_split,
            mean=(0.5,) * 3,
            std=(0.5,) * 3,
        )


def _listing(root: str) -> tuple[dict[str, dict[str, list[str]]], str]:
    """Names of image files below `root` by split ("train", "test") and class, and what the test split is called."""
    if not os.path.isdir(root):
        raise ValueError(f"There is no folder {root}; `data.name=folder:PATH` names a folder with class sub-folders.")
    if os.path.isdir(os.path.join(root, "train")):
        test = next((name for name in TEST_SPLITS if os.path.isdir(os.path.join(root, name))), "")
        found = {"train": _classes(root, "train"), **({"test": _classes(root, test)} if test else {})}
        return found, test
    classes, out = _classes(root, ""), HELD_OUT - 1
    held_out = {label: names[out::HELD_OUT] for label, names in classes.items()}
    trained = {label: [n for i, n in enumerate(names) if i % HELD_OUT != out] for label, names in classes.items()}
    return {"train": trained, "test": held_out}, f"every {HELD_OUT}th image"


def _classes(root: str, split: str) -> dict[str, list[str]]:
    """Sorted names of the image files in each class sub-folder of a split, classes sorted."""
    labels = sorted(e.name for e in os.scandir(os.path.join(root, split)) if e.is_dir() and e.name[0] != ".")
    return {label: _images(root, os.path.join(split, label)) for label in labels}


def _images(root: str, folder: str) -> list[str]:
    entries = os.scandir(os.path.join(root, folder))
    # A dangling link is no file, but a missing image; a pipe or a socket of such a name is neither.
    named = (e.name for e in entries if e.name.lower().endswith(image_files.SUFFIXES) and e.name[0] != "."
             and (e.is_file() or (e.is_symlink() and not os.path.exists(e.path))))  # fmt: skip
    return sorted(os.path.join(folder, name) for name in named)


def _class_names(path: str, kept: dict[str, dict[str, list[str]]]) -> list[str]:
    """The classes to train on, after a check that they serve."""
    classes = list(kept["train"])
    empty = [label for label, names in kept["train"].items() if not names]
    if not classes or empty:
        what = f"no image to train on in{image_files.told(empty)}\n" if empty else "no class sub-folders. "
        raise ValueError(
            f"{path} has {what}It needs FOLDER/train/CLASS/* and FOLDER/test/CLASS/*, or FOLDER/CLASS/*, with files "
            f"that end in {', '.join(image_files.SUFFIXES)}."
        )
    strangers = [label for label, names in kept.get("test", {}).items() if names and label not in classes]
    if strangers:
        raise ValueError(f"{path} has classes in the test that are not in train:{image_files.told(strangers)}")
    return classes


def _report_broken(path: str, faults: dict[str, str], broken_images: str) -> None:
    if not faults:
        return
    listed = image_files.told(f"{name}: {fault}" for name, fault in faults.items())
    count = f"{len(faults)} file{'s' if len(faults) > 1 else ''}"
    if broken_images == "skip":
        print(f"{path}: skipped {count} that cannot be read as an image:{listed}", flush=True)
    else:
        raise ValueError(
            f"{path} has {count} that cannot be read as an image:{listed}\nRepair or remove them, or leave them out "
            "with `data.broken_images=skip`."
        )
