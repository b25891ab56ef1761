"""Keras metrics of embeddings and their labels, for `compile`."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "Alignment": "representation",
        "Uniformity": "representation",
        "EffectiveRank": "representation",
        "AnchorsWithoutPositives": "positives",
    },
)
