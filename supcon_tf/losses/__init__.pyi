# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.losses.queue import Queue as Queue
from supcon_tf.losses.supcon import SupConLoss as SupConLoss
from supcon_tf.losses.supcon import supervised_contrastive_loss as supervised_contrastive_loss
