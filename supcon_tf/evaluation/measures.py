"""What is measured of a trained network, by name: each from features, logits and labels, by one stated protocol."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

import numpy as np

from supcon_tf import notebook
from supcon_tf.evaluation import robustness
from supcon_tf.evaluation.average_precision import mean_average_precision
from supcon_tf.evaluation.calibration import confidences, error_of, expected_calibration_error, reliability_diagram
from supcon_tf.evaluation.classification import classification, confusion_matrix
from supcon_tf.evaluation.few_shot import episode_accuracy, few_shot_accuracy
from supcon_tf.evaluation.intervals import share_interval, t_interval
from supcon_tf.evaluation.linear_probe import linear_probe
from supcon_tf.evaluation.neighbours import SETTINGS, neighbour_accuracy
from supcon_tf.evaluation.representation import (
    alignment,
    class_distances,
    effective_rank,
    neural_collapse,
    uniformity,
)
from supcon_tf.evaluation.retrieval import retrieval
from supcon_tf.evaluation.retrieval_curve import retrieval_curve
from supcon_tf.names import MEASURES, SEVERITIES, one_of

SHOWN_CLASSES = 20  # of a confusion matrix with names
SHOTS = 5  # training images a class
OF_ANSWERS = ("accuracy", "calibration", "robustness")  # what needs a classifier and no features
IN_MEMORY = "corrupted in memory, which gives lower errors than the stored JPEGs of ImageNet-C"


class NotMeasurable(Exception):
    """The network or its data cannot give a measure; the message says why, in a line."""


class Measure(NamedTuple):
    """One number.

    Attributes:
        name: as tables and files have it, such as "top1".
        value: what was measured.
        unit: "share" (0 to 1), "points" (0 to 100), "nats" or "" for a plain number.
        protocol: how, in a line.
        n: examples that it is a mean over.
        interval: of 95 %, low and high, where one can be given.
        details: what a picture shows of it, and what was chosen on the way: numbers, and lists of them, by name.
    """

    name: str
    value: float
    unit: str
    protocol: str
    n: int
    interval: Optional[tuple] = None
    details: Optional[dict] = None


class Evidence(NamedTuple):
    """What can be measured from.

    Attributes:
        of: from "train" or "test" to an object with `features` float32 [n, F], `logits` float32 [n, C] or None, and
            `labels`, int64 [n] or float32 [n, C].
        corrupted: from a corruption and a severity to the same of the test images, corrupted; without features.
        corruptions: those that `corrupted` knows, with what a table calls each.
        unpublished: those of them that are not the published ones.
        classes: C.
        label_sets: whether an image has a set of labels.
        labelled: whether images have labels.
        why_no_logits: what to say where there are none.
        class_names: C names.
        why_no_features: likewise; "" where there are features.
        stored: the set whose corrupted images are read as they are; "" where they are made in memory.
    """

    of: Callable
    corrupted: Callable
    corruptions: dict
    unpublished: frozenset
    classes: int
    label_sets: bool
    labelled: bool
    why_no_logits: str
    why_no_features: str = ""
    stored: str = ""
    class_names: tuple = ()


def measured(name: str, evidence: Evidence) -> list[Measure]:
    """All numbers of the measure called `name`, of `names.MEASURES`.

    Raises:
        ValueError: there is no such measure.
        NotMeasurable: the network or its data cannot give it.
    """
    one_of("measures", name, MEASURES)
    if not evidence.labelled:
        raise NotMeasurable("the images have no labels")
    if evidence.label_sets and name != "accuracy":
        raise NotMeasurable("an image has several labels, and this measure goes by its one class")
    if evidence.why_no_features and name not in OF_ANSWERS:
        raise NotMeasurable(evidence.why_no_features)
    try:
        return FUNCTIONS[name](evidence)
    except ValueError as error:  # of arrays that a measure refuses: too few images, one class
        raise NotMeasurable(str(error)) from error


def _accuracy(evidence: Evidence) -> list[Measure]:
    logits, labels = _answers(evidence.of("test"), evidence)
    n = len(labels)
    if evidence.label_sets:
        protocol = "mean over classes of the 11-point average precision (VOC 2007)"
        return [Measure("mean_average_precision", mean_average_precision(logits, labels), "share", protocol, n)]
    found = classification(logits, labels)
    made = [_share("top1", found["top1"], n, "the classifier's first answer is the class")]
    if found["top5"] is not None:
        made.append(_share("top5", found["top5"], n, "the class is among the first five answers"))
    return [
        *made,
        Measure(
            "mean_per_class",
            found["mean_per_class"],
            "share",
            "mean over classes of their top-1",
            n,
            details=_confusion(logits, labels, evidence),
        ),
        Measure("nll", found["nll"], "nats", "mean of -log p(class)", n),
        Measure("brier", found["brier"], "", "mean of the sum over classes of (p - y)^2, 0 to 2", n),
    ]


def _confusion(logits: np.ndarray, labels: np.ndarray, evidence: Evidence) -> Optional[dict]:
    """How often which class is taken for which, where there are so few that a page can show it."""
    names = list(evidence.class_names)
    if not 0 < len(names) <= SHOWN_CLASSES:
        return None
    counts = confusion_matrix(logits.argmax(1), labels, classes=len(names))
    return {"confusion": counts.tolist(), "class_names": names}


def _calibration(evidence: Evidence) -> list[Measure]:
    logits, labels = _answers(evidence.of("test"), evidence)
    protocol = "15 equal-width bins of the largest probability, weighted by their examples"
    diagram = reliability_diagram(*confidences(logits, labels))
    full = diagram.counts > 0
    details = {name: getattr(diagram, name)[full].tolist() for name in ("confidence", "accuracy", "counts")}
    return [Measure("ece", error_of(diagram), "share", protocol, len(labels), details=details)]


def _knn(evidence: Evidence, *, setting: str) -> list[Measure]:
    train, test = evidence.of("train"), evidence.of("test")
    how = SETTINGS[setting]
    if how["neighbours"] > len(train.labels):
        raise NotMeasurable(f"it asks {how['neighbours']} training images, and there are {len(train.labels)}")
    found = neighbour_accuracy(
        (train.features, train.labels), (test.features, test.labels), classes=evidence.classes, **how
    )
    protocol = f"vote of k = {how['neighbours']} training images by cosine, exp(s / {how['temperature']:g})"
    shares = [("", found["top1"], protocol), ("_top5", found["top5"], f"{protocol}, first five classes")]
    return [_share(f"knn_{setting}{end}", x, len(test.labels), how) for end, x, how in shares if x is not None]


def _few_shot(evidence: Evidence) -> list[Measure]:
    train, test = evidence.of("train"), evidence.of("test")
    found = few_shot_accuracy(
        (train.features, train.labels), (test.features, test.labels), classes=evidence.classes, shots=SHOTS
    )
    interval = t_interval(found["accuracies"][:, 0])
    protocol = f"closed-form ridge on {SHOTS} training images a class; mean and t-interval over 3 draws"
    return [Measure("few_shot", interval.value, "share", protocol, len(test.labels), (interval.low, interval.high))]


def _episodes(evidence: Evidence) -> list[Measure]:
    test = evidence.of("test")
    interval = episode_accuracy(test.features, test.labels)
    protocol = "5 classes, 5 images and 15 queries each, of the test images; mean over 600 episodes"
    return [Measure("episodes", interval.value, "share", protocol, 600, (interval.low, interval.high))]


def _retrieval(evidence: Evidence) -> list[Measure]:
    test = evidence.of("test")
    found = retrieval(test.features, test.labels)
    n, among = found.pop("queries"), "among the other test images, by cosine"
    protocols = {
        "precision_at_1": f"the nearest is of the class; {among}",
        "r_precision": f"share of the nearest R that are of the class of R others; {among}",
        "map_at_r": f"mean average precision at R; {among}",
    }
    pictured = {"precision_at_1": retrieval_curve(test.features, test.labels)}
    return [
        Measure(name, value, "share", protocols[name], n, details=pictured.get(name)) for name, value in found.items()
    ]


def _linear(evidence: Evidence) -> list[Measure]:
    train, test = evidence.of("train"), evidence.of("test")
    found = linear_probe((train.features, train.labels), (test.features, test.labels), classes=evidence.classes)
    protocol = "logistic regression by L-BFGS, lambda of 45 chosen on 20 % of train, retrained on all"
    chosen = {"penalty": found["penalty"]}  # not in the protocol: seeds that chose others are still measured alike
    return [_share("linear_lbfgs", found["accuracy"], len(test.labels), protocol)._replace(details=chosen)]


def _representation(evidence: Evidence) -> list[Measure]:
    test = evidence.of("test")
    features, labels = test.features, test.labels
    distances = class_distances(features, labels)
    numbers = {
        "alignment": (alignment(features, labels), "mean squared distance of two images of a class, unit length"),
        "uniformity": (uniformity(features), "log of the mean of exp(-2 squared distance) over all pairs, unit length"),
        "effective_rank": (effective_rank(features), "exp of the entropy of the singular values"),
        "class_distance_ratio": (distances["ratio"], "squared distance within classes over that between their means"),
        "neural_collapse": (neural_collapse(features, labels), "NC1: tr(S_W S_B^+) / K; 0 for collapsed classes"),
    }
    return [Measure(name, value, "", how, len(labels)) for name, (value, how) in numbers.items()]


def _robustness(evidence: Evidence) -> list[Measure]:
    clean, labels = _answers(evidence.of("test"), evidence)
    n = len(labels)
    errors = {name: [] for name in evidence.corruptions}
    calibration = {name: [] for name in evidence.corruptions}
    passes = itertools.product(evidence.corruptions, SEVERITIES)
    for name, severity in notebook.bar(list(passes), desc="corrupted", unit="pass", leave=False):
        found = _answers(evidence.corrupted(name, severity), evidence)
        errors[name].append(1 - classification(*found)["top1"])
        calibration[name].append(expected_calibration_error(*found))
    clean_error = 1 - classification(clean, labels)["top1"]
    corrupted = len(found[1])  # images of each pass
    relative = f"above the clean error of {n:,} images"
    return [
        Measure("clean_error", 100 * clean_error, "points", "top-1 error of the test images as they are", n),
        *_errors(evidence, errors, calibration, corrupted),
        *_against_alexnet(evidence, errors, (clean_error, relative), corrupted),
    ]


def _errors(evidence: Evidence, errors: dict, calibration: dict, n: int) -> list[Measure]:
    """The table of errors, and its means."""
    own = "".join(f"; {evidence.corruptions[name]} is not the published one" for name in sorted(evidence.unpublished))
    among = f"{len(errors)} corruptions and 5 severities, not normalised; {_how(evidence)}{own}"
    where = _how(evidence).split(",")[0]
    made = [Measure("mean_error", robustness.mean_error(errors), "points", f"mean over {among}", n)]
    for title, table in (("error", errors), ("ece", calibration)):
        for severity, mean in zip(SEVERITIES, 100 * robustness.means_by_severity(table)):
            protocol = f"mean over corruptions at severity {severity}; {where}"
            made.append(Measure(f"{title}_severity_{severity}", float(mean), "points", protocol, n))
    for name, values in errors.items():
        mean, protocol = 100 * float(np.mean(values)), f"{evidence.corruptions[name]}, mean over severities; {where}"
        details = {"severity": list(SEVERITIES), "error": values}
        made.append(Measure(f"error_{name}", mean, "points", protocol, n, details=details))
    return made


def _how(evidence: Evidence) -> str:
    """Where the corrupted images come from."""
    return f"stored images of {evidence.stored}" if evidence.stored else IN_MEMORY


def _against_alexnet(evidence: Evidence, errors: dict, clean: tuple, n: int) -> list[Measure]:
    """mCE and relative mCE, which mean something for the classes of ImageNet alone, over published corruptions."""
    if evidence.classes != 1000:
        return []
    baseline = {name: robustness.ALEXNET[name] for name in errors if name not in evidence.unpublished}
    protocol = f"over {len(baseline)} of the 15 corruptions, AlexNet's errors are 100; {_how(evidence)}"
    relative = robustness.relative_corruption_error(errors, clean=clean[0], baseline=baseline)
    mce = robustness.mean_corruption_error(errors, baseline=baseline)
    return [
        Measure("mce", mce, "points", protocol, n),
        Measure("relative_mce", relative, "points", f"{protocol}; {clean[1]}", n),
    ]


def _answers(predicted, evidence: Evidence) -> tuple:
    """Logits [n, C] and labels."""
    if predicted.logits is None:
        raise NotMeasurable(evidence.why_no_logits)
    return predicted.logits, predicted.labels


def _share(name: str, value: float, n: int, protocol: str) -> Measure:
    """A share of n images, with its interval."""
    interval = share_interval(value, n)
    return Measure(name, value, "share", protocol, n, (interval.low, interval.high))


FUNCTIONS: dict[str, Callable[[Evidence], Sequence[Measure]]] = {
    "accuracy": _accuracy,
    "calibration": _calibration,
    "knn_dino": functools.partial(_knn, setting="dino"),
    "knn_instdisc": functools.partial(_knn, setting="instdisc"),
    "few_shot": _few_shot,
    "episodes": _episodes,
    "retrieval": _retrieval,
    "linear": _linear,
    "representation": _representation,
    "robustness": _robustness,
}
