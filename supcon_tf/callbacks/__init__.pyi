# The names of __init__.py, for editors and type checkers; tests/test_public.py compares the two.

from supcon_tf.callbacks.collapse_warning import CollapseWarning as CollapseWarning
from supcon_tf.callbacks.embedding_map import EmbeddingMap as EmbeddingMap
from supcon_tf.callbacks.knn_accuracy import KNNAccuracy as KNNAccuracy
from supcon_tf.callbacks.projector_log import ProjectorLog as ProjectorLog
from supcon_tf.callbacks.report import Report as Report
