"""Optimisation: learning rates, optimizers, weight decay."""

from supcon_tf.public import offered

__getattr__, __dir__, __all__ = offered(
    __name__,
    {
        "LARS": "lars",
        "build_optimizer": "optimizers",
        "learning_rate_schedule": "schedules",
        "CosineSchedule": "schedules",
        "ExponentialSchedule": "schedules",
        "PiecewiseSchedule": "schedules",
    },
)
