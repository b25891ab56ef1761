# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.models.supcon_model import SupConModel as SupConModel
