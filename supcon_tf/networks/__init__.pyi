# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.networks.pixels import pixel_scaling as pixel_scaling
from supcon_tf.networks.published import from_authors as from_authors
from supcon_tf.networks.published import from_supcontrast as from_supcontrast
from supcon_tf.networks.registry import build_encoder as build_encoder
