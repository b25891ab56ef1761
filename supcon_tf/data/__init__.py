"""Data: image sets by name, batches for `fit`, and the pipelines of training and evaluation."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "balanced_batches": "batches",
        "shuffled_batches": "batches",
        "load": "named",
    },
)
