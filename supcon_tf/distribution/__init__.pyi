# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.distribution.collectives import gather_rows as gather_rows
from supcon_tf.distribution.strategy import make_strategy as make_strategy
