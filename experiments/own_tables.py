"""Tables that the paper does not have: where the method pays at a small budget, and the trials that recipes came from.

python -m launch.reproduce --table=crossing --budget=digits --workdir=runs/tables
"""

from __future__ import annotations

from supcon_tf.tables import Cell

SUPCON = {"digits": "digits.supcon", "small": "cifar10.supcon_quick"}
CROSS_ENTROPY = {"digits": "digits.cross_entropy", "small": "cifar10.cross_entropy_quick"}
PASSES = (8, 16, 32, 64)  # of every training image through the encoder, views counted
VIEWS = {"digits": 2, "small": 1}  # of SupCon's experiments


def _epochs(budget: str, row: str, passes: float) -> dict:
    """Settings that show the encoder every training image so often."""
    if row == "SupCon":
        return {"contrastive.epochs": round(passes / VIEWS[budget])}
    return {"cross_entropy.epochs": round(passes)}


def _rows(budget: str):
    return (("SupCon", SUPCON[budget]), ("cross-entropy", CROSS_ENTROPY[budget]))


def crossing(budget):
    """Top-1 against the budget, in images through the encoder."""
    for passes in PASSES:
        for row, experiment in _rows(budget):
            settings = _epochs(budget, row, passes)
            if budget == "digits":
                stage = "contrastive" if row == "SupCon" else "cross_entropy"
                settings[f"{stage}.warmup_epochs"] = settings[f"{stage}.epochs"] / 4
            yield Cell(row, str(passes), experiment, settings, x=passes)


def noise(budget):
    """A share of the training labels is replaced by random classes."""
    for share in (0.0, 0.2, 0.4):
        for row, experiment in _rows(budget):
            settings = {"data.label_noise": share} if share else {}
            yield Cell(row, f"{share:g}", experiment, settings, x=share)


def few_labels(budget):
    """A share of the images of each class is all there is; so many more epochs that updates are as many."""
    passes = {"digits": {"SupCon": 72, "cross-entropy": 32}, "small": {"SupCon": 16, "cross-entropy": 16}}[budget]
    for share in (0.1, 0.3, 1.0):
        for row, experiment in _rows(budget):
            settings = {"data.fraction": share, **_epochs(budget, row, passes[row] / share)} if share < 1 else {}
            if budget == "digits" and share < 1:  # 126 images
                stages = ("contrastive", "linear") if row == "SupCon" else ("cross_entropy",)
                settings.update({f"{stage}.batch_size": 64 for stage in stages})
            yield Cell(row, f"{share:g}", experiment, settings, x=share)
