# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.metrics.positives import AnchorsWithoutPositives as AnchorsWithoutPositives
from supcon_tf.metrics.representation import Alignment as Alignment
from supcon_tf.metrics.representation import EffectiveRank as EffectiveRank
from supcon_tf.metrics.representation import Uniformity as Uniformity
