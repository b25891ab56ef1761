"""The plateau of a contrastive loss: where it stays when all embeddings are equal, said in plain words when it lasts.

Every anchor then finds its positive among N - 1 rows that all look the same, and the loss is scale ln(N - 1) whatever
the labels. A deep network also begins near it, for its first embeddings are nearly equal: so warm-up does not count,
and only a loss that stays is worth a word (`training.start` has one for the start). A loss above it is that of
embeddings that differ, and wrongly: as at random. There a network begins that is not deep, or whose head spreads
embeddings by batch norm, and learns: for most of a short run the loss comes down from above, and crosses the plateau
slowly. So embeddings that are spread are stuck there only while nothing gets anywhere: not the loss, nor neighbours,
nor how much nearer positives are.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Optional

from supcon_tf.training.duration import Duration

NEAR = 0.01  # of the plateau: nearer than that is on it
LEFT = 2.0  # times as far: off it again, after which a second collapse is worth a second word
PATIENCE = 100  # steps on it after warm-up; a quarter of a shorter stage, but at least
LEAST_PATIENCE = 20
PATIENCE_ABOVE = 500  # steps above it after warm-up; half of a shorter stage
STILL = 0.1  # length of all steps meanwhile, below which the weights have hardly moved
EQUAL = 0.9  # median similarity of negatives from which embeddings count as equal
BETTER = {"knn_accuracy": 0.01, "apart": 0.03}  # by how much more than ever before, to get somewhere
WHAT_TO_SPREAD = "batch norm on the head's last layer (projection.last_batch_norm=true), which spreads embeddings"


@dataclasses.dataclass(frozen=True)
class Advice:
    """What the things to try are called where they are set."""

    rate: str  # the learning rate
    warmup: str  # a longer warm-up
    spread: str
    temperature: str
    views: str  # where views are drawn
    again: str  # how to begin anew

    @classmethod
    def of_trainer(cls, stage: str) -> Advice:
        """Fields of the config."""
        return cls(
            rate=f"{stage}.base_learning_rate",
            warmup=f"a longer {stage}.warmup_epochs",
            spread=WHAT_TO_SPREAD,
            temperature="loss.temperature",
            views=f"{stage}.augment",
            again="in a new --workdir",
        )


@dataclasses.dataclass(frozen=True)
class Plateau:
    """What equal embeddings cost.

    Attributes:
        rows: N, of the global batch, views included, and of a queue once it is full.
        temperature: tau.
        scale: what the loss is multiplied by.
    """

    rows: int
    temperature: float
    scale: float

    @property
    def value(self) -> float:
        """scale ln(N - 1)."""
        return self.scale * math.log(self.rows - 1)

    @property
    def near(self) -> float:
        """How near counts as on it: of the plateau, or of all that similarities from -1 to 1 can change a loss by."""
        return NEAR * min(self.value, 10 * self.scale * 2 / self.temperature)

    def distance(self, loss: float) -> float:
        """How far below the plateau a loss is, as a share of it: 0 on it, 1 for a loss of 0, negative above."""
        return 1 - loss / self.value


class PlateauWatch:
    """Follows the epochs of a contrastive stage and speaks up once when the loss has stayed on its plateau.

    Args:
        plateau: of the loss.
        duration: of the stage.
        warmup_epochs: of the stage; they do not count.
        width: D, of the embeddings.
        stage: its name, for the fields that a warning tells of.
        advice: what a warning tells of instead, where there are no such fields.
    """

    def __init__(
        self,
        plateau: Plateau,
        *,
        duration: Duration,
        warmup_epochs: float = 0.0,
        width: int,
        stage: str = "contrastive",
        advice: Optional[Advice] = None,
    ):
        self.plateau, self._width, self._words = plateau, width, advice or Advice.of_trainer(stage)
        self._patience = min(PATIENCE, max(LEAST_PATIENCE, duration.total_steps // 4))
        self._step = self._warmup_steps = math.ceil(warmup_epochs * duration.steps_per_epoch)
        self._patience_above = max(self._patience, min(PATIENCE_ABOVE, duration.total_steps // 2))
        self._steps_on, self._warned, self._measured = 0, False, {}
        self._best, self._was_above = {}, False  # what got somewhere, when it last did; whether the loss was above

    def read(self, record: dict) -> str:
        """Takes the record of the next epoch; a warning where one is due, else "".

        Args:
            record: with the "step" it ended at, its mean "loss", and the measures of `diagnostics` and the
                "knn_accuracy" as they are known.
        """
        self._measured.update(record)
        self._was_above |= self._above()
        steps, self._step = record["step"] - self._step, max(record["step"], self._warmup_steps)
        below = self.plateau.value - record["loss"]
        if steps <= 0 or below > self.plateau.near:
            self._steps_on = 0
            self._warned = self._warned and below <= LEFT * self.plateau.near
            return ""
        self._steps_on += steps
        if self._gets_somewhere(record) and self._was_above and self._spread() and not self._still():
            self._steps_on = 0
        if self._warned or self._steps_on < (self._patience_above if self._above() else self._patience):
            return ""
        self._warned = True
        return f"{self._what()} {self._why()} {self._advice()}"

    def _gets_somewhere(self, record: dict) -> bool:
        """Whether the loss fell, neighbours got better or classes came apart, since each was seen first or last did."""
        now = {"loss": -record["loss"], "knn_accuracy": record.get("knn_accuracy")}
        if "negative_similarity_p50" in record and "positive_similarity_p50" in record:
            now["apart"] = record["positive_similarity_p50"] - record["negative_similarity_p50"]
        moved = False
        for name, value in now.items():
            best = self._best.get(name, value)
            if value is not None and value >= best + BETTER.get(name, self.plateau.near):
                moved, best = True, value
            if best is not None:
                self._best[name] = best
        return moved

    def _spread(self) -> bool:
        """Whether embeddings differ, as was seen, or as a loss above the plateau says."""
        return self._measured.get("negative_similarity_p50", 0.0 if self._above() else 1.0) < EQUAL

    def _equal(self) -> bool:
        """Whether nearly all embeddings are equal; a loss above the plateau is then that of a few far from them."""
        return self._measured.get("negative_similarity_p50", 0) >= EQUAL and not (self._above() and self._still())

    def _still(self) -> bool:
        """Whether the weights have hardly moved meanwhile."""
        step = self._measured.get("update_norm")
        return step is not None and step * self._steps_on < STILL

    def _above(self) -> bool:
        return self._measured["loss"] - self.plateau.value > self.plateau.near

    def _what(self) -> str:
        plateau = self.plateau
        return (
            f"the loss has stayed at {self._measured['loss']:.4g} for {self._steps_on} steps: "
            f"{'above ' if self._above() else ''}the plateau, which is "
            f"{plateau.scale:.3g} ln({plateau.rows:,} - 1) = {plateau.value:.4g}, what {plateau.rows:,} rows cost when "
            "all their embeddings are equal."
        )

    def _why(self) -> str:
        similarity, rank = (self._measured.get(name) for name in ("negative_similarity_p50", "effective_rank"))
        if similarity is None:
            if self._above():
                return "The network has not begun to learn."
            return "The network has most likely collapsed: it gives all images the same embedding."
        seen = f"median similarity of different classes {similarity:.3f}, effective rank {rank:.1f} of {self._width}"
        if self._equal():
            dead = " No gradient is left: training on cannot help." if self._measured.get("gradient_norm") == 0 else ""
            images = "nearly all images" if self._above() else "all images nearly"
            return f"The network has collapsed: it gives {images} the same embedding ({seen}).{dead}"
        if self.plateau.temperature >= 1:
            return (
                f"The embeddings differ ({seen}), but at temperature {self.plateau.temperature:g} the loss hardly sees "
                "it."
            )
        return f"The embeddings differ ({seen}), but not by class: the network has not begun to learn."

    def _advice(self) -> str:
        words = self._words
        if not self._equal() and self._still():
            return (
                f"The weights hardly move: a step has length {self._measured['update_norm']:.1g}. What to try: a "
                f"higher {words.rate}."
            )
        return (
            f"What to try, in this order: a lower {words.rate}, {words.warmup}, {words.spread}, {words.temperature} "
            "between 0.05 and 0.2, a larger batch. Check that labels belong to their images, and that views still show "
            f"them ({words.views}). Where the loss stays when the learning rate falls, start again {words.again}."
        )
