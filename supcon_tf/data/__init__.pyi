# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.data.batches import balanced_batches as balanced_batches
from supcon_tf.data.batches import shuffled_batches as shuffled_batches
from supcon_tf.data.named import load as load
