"""What lies in a folder and below it: images, and the rest by kind, so that nothing is left out unseen."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterator

from supcon_tf.data.sets import image_files, own_files
from supcon_tf.paths import shown

_HIDDEN = ("__MACOSX", "@eaDir")  # what an archive of macOS and a Synology disk add, copies of images among it
_NO_FILES = "pipes and dead links"  # sockets, too, and links to a folder above

_DEEPEST = 100  # folders within folders


@dataclasses.dataclass
class Tree:
    """What one folder holds.

    Attributes:
        images: their names, relative to the folder that was asked about, in order.
        folders: those below by name, in order, but for what this package has written.
        others: how many files are no images, by the end of their names.
        hidden: files and folders that a person does not see.
        own: whether something lies here that this package has written.
    """

    images: list[str] = dataclasses.field(default_factory=list)
    folders: dict[str, Tree] = dataclasses.field(default_factory=dict)
    others: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    hidden: int = 0
    own: bool = False

    def all(self) -> Iterator[Tree]:
        """This folder and all below it."""
        yield self
        for folder in self.folders.values():
            yield from folder.all()

    def all_images(self) -> list[str]:
        """Names of the images here and below, in order."""
        return sorted(name for tree in self.all() for name in tree.images)

    def has_images(self) -> bool:
        return any(tree.images for tree in self.all())


def read(root: str, *, ignored: str = "") -> Tree:
    """Lists a folder, links to other folders included.

    Args:
        root: of all names.
        ignored: a folder that is passed over if it lies below.

    Raises:
        OSError: a folder cannot be listed; the message names it.
        ValueError: folders lie in folders without end.
    """
    if os.path.isdir(ignored) and not os.path.samefile(ignored, root):
        status = os.stat(ignored)
        return _read(root, "", (status.st_dev, status.st_ino), ())
    return _read(root, "", None, ())


def _read(root: str, place: str, ignored, above: tuple) -> Tree:
    """The tree of root/place; `ignored` and those `above` it are known by device and number."""
    tree, folder = Tree(), os.path.join(root, place)
    if len(above) > _DEEPEST:
        raise ValueError(f"{shown(root)} has folders within folders, more than {_DEEPEST} deep: is that meant?")
    try:
        status = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        said = f"a folder of images cannot be listed ({error.strerror}); let this user read it, or take it away"
        raise OSError(error.errno, said, folder) from error
    identity = (status.st_dev, status.st_ino)
    if place and (identity == ignored or own_files.is_run({entry.name for entry in entries})):
        return Tree(own=True)
    folders = []
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _HIDDEN:
            tree.hidden += 1
        elif not entry.is_dir():
            _add_file(tree, entry, place)
        elif entry.is_symlink() and _identity(entry.path) in (*above, identity):
            tree.others[_NO_FILES] += 1
        else:
            folders.append(entry.name)
    for name in folders:
        below = _read(root, os.path.join(place, name), ignored, (*above, identity))
        if _is_own(name, below, beside=tree.own):
            tree.own = True
        else:
            tree.folders[name] = below
    return tree


def _add_file(tree: Tree, entry: os.DirEntry, place: str) -> None:
    ending = os.path.splitext(entry.name)[1].lower()
    # A dangling link is no file, but a missing image; a pipe or a socket of such a name is neither.
    is_file = entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    if own_files.is_own_file(os.path.dirname(entry.path), entry.name):
        tree.own = True
    elif not is_file:
        tree.others[_NO_FILES] += 1
    elif ending in image_files.SUFFIXES:
        tree.images.append(os.path.join(place, entry.name))
    else:
        tree.others[ending or "no ending"] += 1


def _is_own(name: str, below: Tree, *, beside: bool) -> bool:
    """Whether a folder without images is of runs or of data, or is the `data` beside pictures of this package."""
    return not below.has_images() and (below.own or (beside and name == "data"))


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return (status.st_dev, status.st_ino)
