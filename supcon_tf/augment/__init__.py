"""Augmentation: pure functions of (image, seed) in plain TensorFlow, for tf.data on the host."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "TwoViews": "layers",
        "ColorJitter": "layers",
        "GaussianBlur": "layers",
        "policy": "policies",
        "several": "views",
        "view_seed": "views",
    },
)
