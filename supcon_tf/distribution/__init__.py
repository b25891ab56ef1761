"""Where replicas meet: strategies by name, and gathers with exact gradients."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "make_strategy": "strategy",
        "gather_rows": "collectives",
    },
)
