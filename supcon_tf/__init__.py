"""Supervised contrastive learning (Khosla et al., NeurIPS 2020, arXiv:2004.11362) in TensorFlow and Keras.

Letters used in every docstring and shape comment:

    B  images per replica batch      V  views per image       M = B V  local rows
    R  replicas                      N = R M  global rows     D  projection width
    F  feature width                 C  classes               S  image side
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"
__all__ = ["SupConLoss", "supervised_contrastive_loss"]

_HOME = {
    "SupConLoss": "supcon_tf.losses.supcon",
    "supervised_contrastive_loss": "supcon_tf.losses.supcon",
}


def __getattr__(name: str):
    """Loads a public name on first use, so that `import supcon_tf` does not wait for TensorFlow."""
    if name not in _HOME:
        raise AttributeError(f"module 'supcon_tf' has no attribute {name!r}; it offers {', '.join(__all__)}.")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
