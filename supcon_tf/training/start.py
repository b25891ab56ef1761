"""The start of a contrastive stage: whether embeddings are still nearly equal after its first epoch, and what to do.

A deep network starts so, for its features share one large direction; it leaves that saddle late in a long run, and
hardly in a short one. The loss does not show it: it lies on its plateau, or above, in a good start too.
"""

from __future__ import annotations

from supcon_tf.training.plateau import EQUAL, WHAT_TO_SPREAD


class StartWatch:
    """Reads the records of a contrastive stage, and speaks up once, at the first look that it sees.

    Args:
        width: D, of the embeddings.
        last_batch_norm: whether the projection head ends in batch norm.
        stage: its name, for the fields that are told of.

    Example:
        >>> watch = StartWatch(width=128, last_batch_norm=False)
        >>> watch.read({"loss": 0.56})  # nobody has looked yet
        ''
        >>> watch.read({"negative_similarity_p50": 0.97, "effective_rank": 1.2})[:31]
        'the stage starts near collapse:'
        >>> watch.read({"negative_similarity_p50": 0.97, "effective_rank": 1.2})
        ''
    """

    def __init__(self, *, width: int, last_batch_norm: bool, stage: str = "contrastive"):
        self._width, self._last_batch_norm, self._stage = width, last_batch_norm, stage
        self._looked = False

    def read(self, record: dict) -> str:
        """Takes the record of the next epoch; a warning where one is due, else "".

        Args:
            record: with the measures of `diagnostics`, where there was a look.
        """
        similarity = record.get("negative_similarity_p50")
        if self._looked or similarity is None:
            return ""
        self._looked = True
        if similarity < EQUAL:
            return ""
        return (
            f"the stage starts near collapse: images of different classes have a median similarity of {similarity:.3f} "
            f"(effective rank {record['effective_rank']:.1f} of {self._width}), which a short run hardly leaves. "
            f"{self._advice()}"
        )

    def _advice(self) -> str:
        if self._last_batch_norm:
            return (
                f"What to try: a lower {self._stage}.base_learning_rate or a longer {self._stage}.warmup_epochs; the "
                "head ends in batch norm already."
            )
        return f"What to try, in a new --workdir: {WHAT_TO_SPREAD}."
