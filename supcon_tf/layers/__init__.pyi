# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.layers.heads import ClassificationHead as ClassificationHead
from supcon_tf.layers.heads import ProjectionHead as ProjectionHead
from supcon_tf.layers.moving_averages import set_batch_norm_momentum as set_batch_norm_momentum
from supcon_tf.layers.normalization import UnitNorm as UnitNorm
from supcon_tf.layers.normalization import batch_norm as batch_norm
