# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.run.experiment import run_experiment as run_experiment
