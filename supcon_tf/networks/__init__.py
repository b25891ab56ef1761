"""From images to features, projections and logits: encoders, and the networks of a run."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "build_encoder": "registry",
        "pixel_scaling": "pixels",
        "from_authors": "published",
        "from_supcontrast": "published",
    },
)
