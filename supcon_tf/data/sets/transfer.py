"""The twelve sets of the paper's transfer table (Table 4): where they are in TFDS, their splits and their measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class TransferSet(NamedTuple):
    """A row of the table. Splits and measures are those of SimCLR's and the paper's transfer experiments."""

    tfds: str  # name in TFDS; "" where TFDS has it not
    train: str  # what the paper trains its final model on, as TFDS splits
    test: str
    classes: int
    measure: str  # "top-1", "mean per class" accuracy, or "11-point mAP"
    note: str = ""
    fit: str = ""  # what is trained on while settings are chosen, and `validation` what they are chosen on; "" where
    validation: str = ""  # TFDS has no official validation images: then a part of `train` is held out


OFFICIAL = {"fit": "train", "validation": "validation"}
TRANSFER_SETS = {
    "food101": TransferSet("food101", "train", "validation", 101, "top-1"),
    "cifar10": TransferSet("cifar10", "train", "test", 10, "top-1"),
    "cifar100": TransferSet("cifar100", "train", "test", 100, "top-1"),
    "birdsnap": TransferSet("", "train", "test", 500, "top-1", "not in TFDS"),
    "sun397": TransferSet(
        "sun397/standard-part1-120k", "train", "test", 397, "top-1", "the config `tfds` splits otherwise"
    ),
    "cars196": TransferSet("cars196", "train", "test", 196, "top-1", "its download address is dead"),
    "fgvc_aircraft": TransferSet("", "train", "test", 100, "mean per class", "not in TFDS"),
    "voc2007": TransferSet(
        "voc/2007", "train+validation", "test", 20, "11-point mAP", "several labels an image", **OFFICIAL
    ),
    "dtd": TransferSet("dtd", "train+validation", "test", 47, "top-1", "the first of its ten splits", **OFFICIAL),
    "oxford_iiit_pet": TransferSet("oxford_iiit_pet", "train", "test", 37, "mean per class"),
    "caltech101": TransferSet(
        "caltech101", "train", "test", 102, "mean per class", "TFDS draws 30 a class by its own seed"
    ),
    "oxford_flowers102": TransferSet(
        "oxford_flowers102", "train+validation", "test", 102, "mean per class", **OFFICIAL
    ),
}

# Fine-tuned, per cent, in the order of the sets above: the rows of Table 4 that SupCon gave.
TABLE_4 = {
    "SupCon-50": dict(zip(TRANSFER_SETS, (87.23, 97.42, 84.27, 75.15, 58.04, 91.69, 84.09, 85.17, 74.60, 93.47, 91.04,
                                          96.0))),
    "SupCon-200": dict(zip(TRANSFER_SETS, (88.62, 98.28, 87.28, 76.26, 60.46, 91.78, 88.68, 85.18, 74.26, 93.12, 94.91,
                                           96.97))),
}  # fmt: skip

HELD_OUT = 0.2  # of the training images, where there are no official validation images
OTHER = TransferSet("", "", "", 0, "top-1")  # a set that is not of the twelve, with its usual splits


class Task(NamedTuple):
    """A set to transfer to.

    Attributes:
        name: what tables call it.
        source: TFDS name, or "folder:PATH".
        row: its splits and measure.
    """

    name: str
    source: str
    row: TransferSet

    @property
    def whole(self) -> dict:
        """All training images and the test images, as `load_source` is told, and `selected`."""
        return {"name": self.source, "train_split": self.row.train, "test_split": self.row.test}

    @property
    def choosing(self) -> dict:
        """Likewise, what is trained and evaluated on while settings are chosen; no test image is among it."""
        if self.row.validation:
            return {"name": self.source, "train_split": self.row.fit, "test_split": self.row.validation}
        return {**self.whole, "held_out": HELD_OUT}


def tasks(names: Sequence[str], measure: str = OTHER.measure) -> list[Task]:
    """What a person asks for.

    Args:
        names: of the twelve sets ("all" are all of them), TFDS names, "folder:PATH"; or NAME=SOURCE, the set called
            NAME read from a folder or from another name in TFDS.
        measure: of the sets that are not of the twelve.

    Raises:
        ValueError: there is none, or one without a name, or one twice.

    Example:
        >>> tasks(["birdsnap=folder:/birds"])[0].source, [task.row.validation for task in tasks(["dtd", "cars196"])]
        ('folder:/birds', ['validation', ''])
    """
    names = [each for name in names for each in (TRANSFER_SETS if name == "all" else [name.strip()])]
    found = [_task(name, measure) for name in names]
    if not found or not all(task.name and task.source for task in found):
        raise ValueError(f"each set needs a name, such as dtd, folder:PATH or birdsnap=folder:PATH; got {names}.")
    if len({task.name for task in found}) < len(found):
        raise ValueError(f"each set can be named once; got {', '.join(names)}.")
    return found


def _task(text: str, measure: str) -> Task:
    name, given, source = (text, "", "") if text.startswith("folder:") else text.partition("=")
    name = next((own for own, row in TRANSFER_SETS.items() if row.tfds and name.split(":")[0] == row.tfds), name)
    row = TRANSFER_SETS.get(name, OTHER._replace(measure=measure))
    source = source if given else (row.tfds or name) if text == name else text
    if source.split(":")[0].split("/")[0] != row.tfds.split("/")[0]:  # from elsewhere, which has splits of its own
        row = row._replace(train="", test="", fit="", validation="")
    return Task(name, source, row)
