"""Supervised contrastive learning (Khosla et al., NeurIPS 2020, arXiv:2004.11362) in TensorFlow and Keras.

Letters used in every docstring and shape comment:

    B  images per replica batch      V  views per image       M = B V  local rows
    R  replicas                      N = R M  global rows     D  projection width
    F  feature width                 C  classes               S  image side
    G  images of the global batch    Q  rows of a queue       T  rows of a tile
"""

from __future__ import annotations

import importlib

from supcon_tf.registration import register_when_possible as _register_when_possible
from supcon_tf.stack import check_stack as _check_stack

__version__ = "0.1.0"

# Public names, and where each is defined; loaded on first use, so that `import supcon_tf` waits for no TensorFlow.
_HOME = {
    "SupConLoss": "losses.supcon",
    "supervised_contrastive_loss": "losses.supcon",
    "Queue": "losses.queue",
    "AnchorsWithoutPositives": "metrics.positives",
    "ProjectionHead": "layers.heads",
    "ClassificationHead": "layers.heads",
    "UnitNorm": "layers.normalization",
    "TwoViews": "augment.layers",
    "ColorJitter": "augment.layers",
    "GaussianBlur": "augment.layers",
    "LARS": "optim.lars",
    "run_experiment": "run.experiment",
}
_ROOMS = (
    "augment",
    "config",
    "data",
    "distribution",
    "evaluation",
    "layers",
    "losses",
    "metrics",
    "networks",
    "optim",
    "run",
)
__all__ = [*_HOME, *_ROOMS]


def __getattr__(name: str):
    """Loads a public name on first use."""
    if name in _HOME:
        return getattr(importlib.import_module(f"supcon_tf.{_HOME[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"supcon_tf.{name}")
    raise AttributeError(f"module 'supcon_tf' has no attribute {name!r}; it offers {', '.join(__all__)}.")


def __dir__():
    return sorted(__all__)


_check_stack()
_register_when_possible()
