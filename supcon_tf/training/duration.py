"""How long a stage is."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Duration:
    """How long a stage is, in the units that its parts count in.

    The training stream does not stop between epochs, so that no image is left out when the batch does not divide
    their number: epoch e ends with the first step by which e times `examples` images were seen.

    Attributes:
        epochs: of the stage.
        examples: images of an epoch.
        batch_size: images of the global batch.

    Raises:
        ValueError: the batch is larger than an epoch.
    """

    epochs: int
    examples: int
    batch_size: int

    def __post_init__(self):
        if self.batch_size > self.examples:
            raise ValueError(
                f"a batch of {self.batch_size} images is larger than the {self.examples} training images; set the "
                f"stage's batch_size to at most {self.examples}."
            )

    def steps(self, epochs: float) -> int:
        """Steps after which `epochs` are complete."""
        return math.ceil(epochs * self.examples / self.batch_size)

    @property
    def steps_per_epoch(self) -> float:
        """Steps of one epoch, not rounded: what schedules count in."""
        return self.examples / self.batch_size

    @property
    def total_steps(self) -> int:
        """Steps of the whole stage."""
        return self.steps(self.epochs)
