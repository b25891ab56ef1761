"""A whole run: what it is made of, what is wrong with it before it begins, and the run itself."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "run_experiment": "experiment",
    },
)
