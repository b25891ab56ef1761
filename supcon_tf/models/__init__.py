"""Keras models that train by the objectives of the trainer, under `fit`."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "SupConModel": "supcon_model",
    },
)
