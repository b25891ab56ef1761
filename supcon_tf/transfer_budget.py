"""What a transfer of the paper's Table 4 may cost: steps of fine-tuning, and the grid of settings to choose from.

Protocol of SimCLR's transfer experiments (arXiv:2002.05709, App. B.8.1), which the paper follows.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

RATES = tuple(float(f"{rate:.3g}") for rate in np.logspace(-4, -1, 7))
DECAYS = (*(float(f"{decay:.3g}") for decay in np.logspace(-6, -3, 7)), 0.0)


class Budget(NamedTuple):
    """What fine-tuning may cost; the defaults are the protocol's.

    Attributes:
        steps: of each run, rounded to whole epochs.
        batch_size: images of the global batch.
        rates: learning rates at the start; they fall to 0 by a cosine.
        decays: each is divided by the learning rate to be the coefficient of the L2 penalty.
        crop_area: smallest and largest share of an image that a crop has.
        flip: whether half of the images are mirrored.

    Example:
        >>> len(Budget().rates) * len(Budget().decays), Budget().rates[1], Budget().decays[-2:]
        (56, 0.000316, (0.001, 0.0))
    """

    steps: int = 20_000
    batch_size: int = 256
    rates: tuple = RATES
    decays: tuple = DECAYS
    crop_area: tuple = (0.08, 1.0)
    flip: bool = True

    def as_json(self) -> dict:
        """As a reader of `measures.json` has it.

        Example:
            >>> Budget().as_json()["crop_area"]
            [0.08, 1.0]
        """
        return json.loads(json.dumps(self._asdict()))
