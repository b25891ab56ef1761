"""Supervised contrastive learning (Khosla et al., NeurIPS 2020, arXiv:2004.11362) in TensorFlow and Keras.

Letters used in every docstring and shape comment:

    B  images per replica batch      V  views per image       M = B V  local rows
    R  replicas                      N = R M  global rows     D  projection width
    F  feature width                 C  classes               S  image side
    G  images of the global batch    Q  rows of a queue       T  rows of a tile
"""

from __future__ import annotations

from supcon_tf.public import offered as _offered
from supcon_tf.registration import register_when_possible as _register_when_possible
from supcon_tf.stack import check_stack as _check_stack

__version__ = "0.1.0"

# What a Keras user needs, and where each is; loaded on first use, so that `import supcon_tf` waits for no TensorFlow.
_HOME = {
    "SupConLoss": "losses.supcon",
    "supervised_contrastive_loss": "losses.supcon",
    "Queue": "losses.queue",
    "SupConModel": "models.supcon_model",
    "ProjectionHead": "layers.heads",
    "ClassificationHead": "layers.heads",
    "UnitNorm": "layers.normalization",
    "TwoViews": "augment.layers",
    "ColorJitter": "augment.layers",
    "GaussianBlur": "augment.layers",
    "LARS": "optim.lars",
    "learning_rate_schedule": "optim.schedules",
    "build_encoder": "networks.registry",
    "AnchorsWithoutPositives": "metrics.positives",
    "run_experiment": "run.experiment",
}
_ROOMS = (
    "augment", "callbacks", "config", "data", "distribution", "evaluation", "layers", "losses", "metrics", "models",
    "networks", "optim", "run",
)  # fmt: skip

__getattr__, __dir__, __all__ = _offered(__name__, {**_HOME, **dict.fromkeys(_ROOMS, "")})

_check_stack()
_register_when_possible()
