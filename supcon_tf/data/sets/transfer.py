"""The twelve sets of the paper's transfer table (Table 4): where they are in TFDS, their splits and their measure."""

from __future__ import annotations

from typing import NamedTuple


class TransferSet(NamedTuple):
    """A row of the table. Splits and measures are those of SimCLR's and the paper's transfer experiments."""

    tfds: str  # name in TFDS; "" where TFDS has it not
    train: str  # what the paper trains its final model on, as TFDS splits
    test: str
    classes: int
    measure: str  # "top-1", "mean per class" accuracy, or "11-point mAP"
    note: str = ""


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
    "voc2007": TransferSet("voc/2007", "train+validation", "test", 20, "11-point mAP", "several labels an image"),
    "dtd": TransferSet("dtd", "train+validation", "test", 47, "top-1", "the first of its ten splits"),
    "oxford_iiit_pet": TransferSet("oxford_iiit_pet", "train", "test", 37, "mean per class"),
    "caltech101": TransferSet(
        "caltech101", "train", "test", 102, "mean per class", "TFDS draws 30 a class by its own seed"
    ),
    "oxford_flowers102": TransferSet("oxford_flowers102", "train+validation", "test", 102, "mean per class"),
}
