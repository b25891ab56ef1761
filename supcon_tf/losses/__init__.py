"""Losses on projections: one value per image of the global batch."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "SupConLoss": "supcon",
        "supervised_contrastive_loss": "supcon",
        "Queue": "queue",
    },
)
