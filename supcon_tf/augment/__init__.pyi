# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.augment.layers import ColorJitter as ColorJitter
from supcon_tf.augment.layers import GaussianBlur as GaussianBlur
from supcon_tf.augment.layers import TwoViews as TwoViews
from supcon_tf.augment.policies import policy as policy
from supcon_tf.augment.views import several as several
from supcon_tf.augment.views import view_seed as view_seed
