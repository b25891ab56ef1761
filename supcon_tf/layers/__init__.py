"""Keras layers: normalisation, and the two heads that sit on an encoder."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "ProjectionHead": "heads",
        "ClassificationHead": "heads",
        "UnitNorm": "normalization",
        "batch_norm": "normalization",
        "set_batch_norm_momentum": "moving_averages",
    },
)
