"""What a run can choose, by name, and what each kind of stage is; imports nothing of the library, and no TensorFlow.

Configs, command lines, reports and the functions that take such a name all read it here. A table from these names to
functions stands with the functions; `tests/test_names.py` holds its keys equal to the names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

# The loss of a stage that compares images: the paper's, and those that it is compared with (`losses.metric_learning`).
# The names below are of the paper's (`losses.modes` says what they mean).
LOSSES = ("supcon", "triplet_semihard", "triplet_hard", "n_pairs", "lifted_structure", "pair_margin")
CONTRAST_MODES = ("all", "one")
SUMMATION_LOCATIONS = ("out", "in")
DENOMINATOR_MODES = ("all", "one_positive", "only_negatives")
NO_POSITIVES = ("zero", "exclude")
NUMBERED = "`names, labels = numpy.unique(names, return_inverse=True)`"  # of labels that are text
LABEL_MODES = ("auto", "class", "one_hot", "sets")

# Augmentation: what each policy does to an image, in order (`augment.policies` has the functions).
POLICIES = {
    "none": ("centre",),
    "crop_flip": ("crop", "flip"),
    "sim_augment": ("crop", "flip", "jitter", "grayscale", "warp", "blur"),
    "auto_augment": ("crop", "flip", "auto_augment"),
    "rand_augment": ("crop", "flip", "rand_augment"),
    "stacked_rand_augment": ("crop", "flip", "jitter", "rand_augment", "grayscale", "warp", "blur"),
}
JITTERS = ("pytorch", "simclr")
AUTO_POLICIES = ("imagenet", "cifar10")
STACKED_ORDERS = ("code", "paper")
EVALUATION_CROPS = ("resize_then_crop", "crop_then_resize", "crop_then_distort", "identity")

# What can be measured of a trained network (`evaluation.measures` has the functions); robustness takes 75 passes.
MEASURES = ("accuracy", "calibration", "knn_dino", "knn_instdisc", "few_shot", "episodes", "retrieval", "linear",
            "representation", "robustness")  # fmt: skip
QUICK_MEASURES = MEASURES[:-1]
TRANSFERS = ("linear", "fine_tune")  # how an encoder is brought to another set (`run.transferring`)
# Corrupted test images: in the order of the paper's tables, with the constants of ImageNet-C or of CIFAR-10-C.
CORRUPTIONS = ("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur",
               "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate",
               "jpeg_compression")  # fmt: skip
SEVERITIES = (1, 2, 3, 4, 5)
CORRUPTION_SCALES = ("large", "small")

# Models of anybody: what they give, and how they want pixels ("torch" and "caffe" as `keras.applications` names them).
MODEL_OUTPUTS = ("features", "logits", "probabilities")
PIXEL_RANGES = ("0..255", "0..1", "-1..1", "torch", "caffe")

# Networks.
ENCODERS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200",
            "resnext50", "resnext101", "resnext152", "resnext200")  # fmt: skip
STEMS = ("small_image", "image")
HEAD_KERNELS = ("small", "he")  # of the projection head, as training starts: N(0, 0.01^2), or as wide as they are fed
PARTS = ("encoder", "projection", "classifier")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")

# Optimisation.
OPTIMIZERS = ("lars", "momentum", "nesterov", "rmsprop", "adam", "adamw")
OWN_DECAY = ("lars", "adamw")  # These decay weights themselves; the loss must not carry an L2 penalty as well.
SCHEDULES = ("cosine", "exponential", "piecewise", "constant")
DECAYED = ("kernels", "biases", "batch_norm")


class StageKind(NamedTuple):
    """What a stage is, whatever its numbers are.

    Attributes:
        title: what a report calls it.
        trains: the networks whose weights move, of `PARTS`.
        compares: whether it has a contrastive loss, on all views of an image; else it sees one view.
        micro_batches: whether its batch can go through the networks in parts; it keeps no activations otherwise.
        batch_norm: what `batch_norm=auto` means: moments of the "batch", or "frozen" moving averages.
    """

    title: str
    trains: tuple
    compares: bool
    micro_batches: bool = True
    batch_norm: str = "batch"

    @property
    def classifies(self) -> bool:
        """Whether it trains the classifier."""
        return "classifier" in self.trains

    @property
    def encodes(self) -> bool:
        """Whether it trains the encoder; a run has one stage that does."""
        return "encoder" in self.trains


# In the order of a run. "linear" follows "contrastive", or "cross_entropy", whose classifier it does not take over
# (Table 7 of the paper: cross-entropy in two stages); or it stands alone on another run's encoder.
STAGE_KINDS = {
    "contrastive": StageKind("Contrastive stage", ("encoder", "projection"), compares=True),
    "joint": StageKind("Contrastive loss and classifier at once", PARTS, compares=True),
    "cross_entropy": StageKind("Cross-entropy", ("encoder", "classifier"), compares=False),
    "linear": StageKind("Linear classifier on the frozen encoder", ("classifier",), compares=False,
                        micro_batches=False, batch_norm="frozen"),
}  # fmt: skip


def one_of(what: str, value: Any, known: Iterable[str]) -> str:
    """`value`, which must be one of the names `known`.

    Raises:
        ValueError: it is none of them; the message calls it `what`, lists the names and gives the nearest.
    """
    known = tuple(known)
    if isinstance(value, str) and value in known:
        return value
    close = difflib.get_close_matches(str(value).lower(), known, n=1, cutoff=0.4)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise ValueError(f"`{what}` must be one of {', '.join(known)}; got {value!r}.{hint}")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint, "Did you mean x?", for a misspelt name of a list too long to print; nothing where none is near.

    Dotted names that end in the whole of it are all named: which of them is meant cannot be guessed.

    Example:
        >>> nearest("temperature", ["loss.temperature", "knn.temperature", "loss.name"])
        ' Did you mean `loss.temperature` or `knn.temperature`?'
    """
    known = list(known)
    ending = [each for each in known if each.endswith(f".{name}")]
    if ending:
        return f" Did you mean {' or '.join(f'`{each}`' for each in ending)}?"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Did you mean `{close[0]}`?" if close else ""
