"""Tables that the paper does not have: SupCon and cross-entropy against the budget, random labels, few images.

    python -m launch.reproduce --table=crossing --budget=digits --workdir=runs/tables

`experiments/tables.py` has all tables.
"""

from __future__ import annotations

from experiments.recipes import ROWS, config_of, encoding
from supcon_tf.tables import Cell

PASSES = (8, 16, 32, 64)  # of every training image through the encoder, views counted
SEEDS_OF_NOISE = 5  # with three, the one difference on the digits that shows SupCon ahead was near its interval's end


def crossing(budget, number="top1"):
    """Top-1, or another number, against the budget, in images through the encoder."""
    for passes in PASSES:
        for row, named in ROWS.items():
            config = config_of(row, budget)
            stage, _ = encoding(config)
            settings = {f"{stage}.epochs": passes // (config.data.views if row == "SupCon" else 1)}
            if budget == "digits":  # whose warm-up is longer than the shortest run
                settings[f"{stage}.warmup_epochs"] = settings[f"{stage}.epochs"] / 4
            yield Cell(row, str(passes), named[budget], settings, number=number, x=passes)


def crossing_corrupted(budget):
    """The mean error on corrupted test images against the budget; the runs are those of `crossing`."""
    return crossing(budget, "mean_error")


def noise(budget):
    """A share of the training labels is replaced by random classes."""
    for share in (0.0, 0.2, 0.4):
        for row, named in ROWS.items():
            settings = {"data.label_noise": share} if share else {}
            yield Cell(row, f"{share:g}", named[budget], settings, x=share, seeds=SEEDS_OF_NOISE)


def few_labels(budget):
    """A share of the images of each class is all there is; so many more epochs that as many images are seen."""
    for share in (0.1, 0.3, 1.0):
        for row, named in ROWS.items():
            settings = {"data.fraction": share}
            if (row, budget) == ("SupCon", "digits"):  # of which 126 images are a tenth
                settings["knn.neighbours"] = 50
            for stage, own in config_of(row, budget).stages.items():
                settings[f"{stage}.epochs"] = round(own.epochs / share)
                if budget == "digits":
                    settings[f"{stage}.batch_size"] = 64
            yield Cell(row, f"{share:g}", named[budget], settings if share < 1 else {}, x=share)
