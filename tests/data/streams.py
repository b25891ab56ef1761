"""Training streams and evaluation crops of the size that these tests use."""

from __future__ import annotations

from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.augment.policies import policy as make_policy
from supcon_tf.augment.views import several
from supcon_tf.data import pipeline

CROP = evaluation_crop(size=8)
OF_THE_PIPELINE = ("start_step", "images_per_class", "input_context", "parallel_calls")


def train(source, *, policy="crop_flip", size=8, view_count=2, batch_size=8, seed=1, **changes):
    """A stream; what is not an argument of the pipeline is one of the policy."""
    own = {name: changes.pop(name) for name in OF_THE_PIPELINE if name in changes}
    views = several(make_policy(policy, size=size, **changes), count=view_count)
    return pipeline.training(source, views, batch_size=batch_size, seed=seed, **own)
