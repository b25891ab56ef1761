# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.optim.lars import LARS as LARS
from supcon_tf.optim.optimizers import build_optimizer as build_optimizer
from supcon_tf.optim.schedules import CosineSchedule as CosineSchedule
from supcon_tf.optim.schedules import ExponentialSchedule as ExponentialSchedule
from supcon_tf.optim.schedules import PiecewiseSchedule as PiecewiseSchedule
from supcon_tf.optim.schedules import learning_rate_schedule as learning_rate_schedule
