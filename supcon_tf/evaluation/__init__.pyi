# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.evaluation.calibration import expected_calibration_error as expected_calibration_error
from supcon_tf.evaluation.encoder import LinearProbe as LinearProbe
from supcon_tf.evaluation.encoder import embed as embed
from supcon_tf.evaluation.encoder import linear as linear
from supcon_tf.evaluation.encoder import nearest_neighbours as nearest_neighbours
from supcon_tf.evaluation.few_shot import few_shot_accuracy as few_shot_accuracy
from supcon_tf.evaluation.intervals import mcnemar as mcnemar
from supcon_tf.evaluation.intervals import paired_bootstrap as paired_bootstrap
from supcon_tf.evaluation.intervals import share_interval as share_interval
from supcon_tf.evaluation.neighbours import neighbour_accuracy as neighbour_accuracy
from supcon_tf.evaluation.representation import alignment as alignment
from supcon_tf.evaluation.representation import effective_rank as effective_rank
from supcon_tf.evaluation.representation import neural_collapse as neural_collapse
from supcon_tf.evaluation.representation import uniformity as uniformity
