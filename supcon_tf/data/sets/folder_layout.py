"""What a folder of images means: which of its folders are splits, which are classes, and what is left out.

    FOLDER/train/CLASS/*     what to train on; also `training`, in any case
    FOLDER/test/CLASS/*      what to evaluate on; also `testing`, `validation`, `valid`, `val`
    FOLDER/CLASS/*           without splits: of each class every fifth image, by name, is held out for the test
    FOLDER/*                 images without labels; every fifth is held out. Or FOLDER/train/* and FOLDER/test/*

Images of a class may lie in folders below its own. Classes are numbered in the order of their names; two spellings of
one name in Unicode are one class. What could be meant in two ways is refused.
"""

from __future__ import annotations

import collections
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from supcon_tf.data.sets import folder_tree
from supcon_tf.data.sets.folder_tree import Tree
from supcon_tf.data.sets.image_files import SUFFIXES
from supcon_tf.paths import shown, told

HELD_OUT = 5  # Of a folder without splits, every fifth image of a class.
UNLABELLED = "unlabelled"  # the one class of images without labels
ACCEPTED = (
    "It needs FOLDER/train/CLASS/* and FOLDER/test/CLASS/* (or `validation`, `val`), or FOLDER/CLASS/* without splits, "
    f"or FOLDER/* for images without labels, with files that end in {', '.join(SUFFIXES)}."
)

_SPLIT = re.compile(
    r"((?P<train>train|training)|(?P<test>test|testing)|(?P<validation>val|valid|validation|eval|evaluation))"
    r"([ _-]?(set|split|data|images))?",
    re.IGNORECASE,
)
_FOR_TEST = ("test", "validation")  # the first that serves is taken
_NAMED = 5  # how many names a line holds


class Layout(NamedTuple):
    """What to train on, what to evaluate on, and what a person should know of it."""

    splits: dict[str, dict[str, list[str]]]  # "train" and perhaps "test" -> class -> names of its images
    test_split: str  # what the test is called; "" for none
    labelled: bool  # false where images have no class
    left_out: str  # what is there and not read; "" for nothing
    notes: tuple[str, ...]  # how names were understood, where that may surprise


def read(root: str, *, ignored: str = "") -> Layout:
    """The layout of a folder.

    Args:
        root: the folder, to which all names are relative.
        ignored: a folder that may lie in it and is none of it.

    Raises:
        ValueError: no such folder, no images, a class without any or only in the test, or more than one way to
            understand what is there.
        OSError: a folder cannot be listed.
    """
    tree = _tree(root, ignored)
    roles = {name: _role(name) for name in tree.folders if _role(name)}
    layout = _with_splits(root, tree, roles) if roles else _without_splits(root, tree)
    require_classes(root, layout.splits)
    return layout


def read_whole(root: str, *, ignored: str = "") -> Layout:
    """The layout FOLDER/CLASS/* of images that are all there to evaluate on: both splits are all of them.

    Args:
        root, ignored: as in `read`.

    Raises:
        ValueError, OSError: as `read`; or the images have no classes.
    """
    tree = _tree(root, ignored)
    if not _is_labelled(tree):
        raise ValueError(f"{shown(root)} has images and no folders of classes; FOLDER/CLASS/* was looked for.")
    classes = _classes(root, tree, True)
    require_classes(root, {"train": classes})
    return Layout(
        splits={"train": classes, "test": classes},
        test_split="all images",
        labelled=True,
        left_out=_left_out(tree, [], [tree]),
        notes=tuple(_notes(tree, True)),
    )


def _tree(root: str, ignored: str) -> Tree:
    if not os.path.isdir(root):
        raise ValueError(f"There is no folder {shown(root)}; `data.name=folder:PATH` names a folder of images.")
    return folder_tree.read(root, ignored=ignored)


def require_classes(root: str, splits: dict[str, dict[str, list[str]]]) -> None:
    """Raises ValueError unless every class has an image to train on."""
    empty = [label for label, names in splits["train"].items() if not names]
    if not splits["train"] or empty:
        what = f"no image to train on in{told(empty)}\n" if empty else "no class sub-folders and no images. "
        raise ValueError(f"{shown(root)} has {what}{ACCEPTED}")
    strangers = [label for label, names in splits.get("test", {}).items() if names and label not in splits["train"]]
    if strangers:
        raise ValueError(f"{shown(root)} has classes in the test that are not in train:{told(strangers)}")


def _with_splits(root: str, tree: Tree, roles: dict[str, str]) -> Layout:
    by_role = {role: [name for name in roles if roles[name] == role] for role in ("train", *_FOR_TEST)}
    strangers = [name for name, folder in tree.folders.items() if name not in roles and folder.has_images()]
    if strangers:
        raise _unclear(root, f"{_listed(roles)}, and images in folders beside:{told(strangers)}\n")
    if not by_role["train"]:
        raise _unclear(root, f"{_listed(roles)}, but no folder `train`. ")
    train = _only(root, by_role["train"])
    labelled = _is_labelled(tree.folders[train])
    serving = (_serving(tree, by_role[role], labelled) for role in _FOR_TEST)
    test = _only(root, next(filter(None, serving), [""]))
    used = [train, test] if test else [train]
    parts = dict(zip(("train", "test"), (tree.folders[name] for name in used)))
    unused = [name for name in tree.folders if name not in used]
    return Layout(
        splits={split: _classes(root, part, labelled) for split, part in parts.items()},
        test_split=test,
        labelled=labelled,
        left_out=_left_out(tree, unused, [tree, *(part for part in parts.values() if labelled)]),
        notes=tuple(note for part in parts.values() for note in _notes(part, labelled)),
    )


def _without_splits(root: str, tree: Tree) -> Layout:
    labelled = _is_labelled(tree)
    classes, out = _classes(root, tree, labelled), HELD_OUT - 1
    train = {label: [n for i, n in enumerate(names) if i % HELD_OUT != out] for label, names in classes.items()}
    test = {label: names[out::HELD_OUT] for label, names in classes.items()}
    return Layout(
        splits={"train": train, "test": test},
        test_split=f"every {HELD_OUT}th image",
        labelled=labelled,
        left_out=_left_out(tree, [] if labelled else list(tree.folders), [tree] if labelled else []),
        notes=tuple(_notes(tree, labelled)),
    )


def _role(name: str) -> str:
    """What a folder of this name is for: "train", "test", "validation", or "" where it is no split."""
    match = _SPLIT.fullmatch(name)
    return next((role for role, found in match.groupdict().items() if found), "") if match else ""


def _is_labelled(part: Tree) -> bool:
    return not part.images or any(folder.has_images() for folder in part.folders.values())


def _serving(tree: Tree, names: list[str], labelled: bool) -> list[str]:
    """Those folders that hold images in class folders, or any images where these need no class."""
    return [n for n in names if tree.folders[n].has_images() and (not labelled or _is_labelled(tree.folders[n]))]


def _only(root: str, names: list[str]) -> str:
    if len(names) > 1:
        raise _unclear(root, f"several folders for one split: {_listed(names)}. ")
    return names[0]


def _classes(root: str, part: Tree, labelled: bool) -> dict[str, list[str]]:
    """Names of the images of each class, both in order."""
    if not labelled:
        return {UNLABELLED: part.all_images()}
    classes = collections.defaultdict(list)
    for name, folder in part.folders.items():
        inner = {_role(below) for below in folder.folders}
        if "train" in inner and inner.intersection(_FOR_TEST):
            raise _unclear(root, f"splits within {shown(name)}, where a class was looked for. ")
        classes[unicodedata.normalize("NFC", name)] += folder.all_images()
    return {label: sorted(classes[label]) for label in sorted(classes)}


def _left_out(tree: Tree, unused: list[str], beside_classes: list[Tree]) -> str:
    """What is not read: files of other kinds, folders without a use, images that lie beside the class folders."""
    others = sum((below.others for below in tree.all()), collections.Counter())
    hidden, loose = sum(below.hidden for below in tree.all()), sum(len(part.images) for part in beside_classes)
    kinds = ", ".join(f"{shown(kind)} {count:,}" for kind, count in others.most_common(_NAMED))
    parts = [
        f"{_count(sum(others.values()), 'file')} of other kinds ({kinds})" if others else "",
        f"{_count(hidden, 'hidden file')}" if hidden else "",
        f"{_count(loose, 'image')} outside the class folders" if loose else "",
        *(f"the folder {shown(name)} ({_count(len(tree.folders[name].all_images()), 'image')})" for name in unused),
    ]
    return ", ".join(filter(None, parts))


def _notes(part: Tree, labelled: bool) -> Iterator[str]:
    """Sentences on names that were not taken as they are written."""
    if not labelled:
        return
    spellings = collections.Counter(unicodedata.normalize("NFC", name) for name in part.folders)
    for name in (name for name, count in spellings.items() if count > 1):
        yield f"{shown(name)} is there in {spellings[name]} spellings of Unicode, which are one class"
    deep = [name for name, folder in part.folders.items() if any(f.has_images() for f in folder.folders.values())]
    if deep:
        yield f"images in sub-folders are of the class of the folder above, as in {_listed(deep)}"


def _unclear(root: str, what: str) -> ValueError:
    return ValueError(f"{shown(root)} has {what}That can be understood in more than one way. {ACCEPTED}")


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(map(shown, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
