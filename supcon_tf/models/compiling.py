"""What `compile` may be given for a contrastive model, refused there and not in the first step."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from supcon_tf.losses.soundness import refusal

_KERAS = ("keras", "tf_keras", "tensorflow")  # packages whose metrics compare labels with classes or values


def require_loss(loss: Any) -> None:
    """Raises unless a loss has values of (labels, projections), one an image; None is the model's own.

    Raises:
        ValueError: another loss.

    Example:
        >>> require_loss("mse")
        Traceback (most recent call last):
        ValueError: SupConModel minimises `SupConLoss` or a loss with its method `values`; got 'mse'. Leave `loss` out \
or give sc.SupConLoss(...). For another loss take a Keras model from views to projections.
    """
    if loss is not None and not callable(getattr(loss, "values", None)):
        raise refusal(
            f"SupConModel minimises `SupConLoss` or a loss with its method `values`; got {loss!r}. Leave `loss` out or "
            "give sc.SupConLoss(...). For another loss take a Keras model from views to projections."
        )


def require_metrics(metrics: Any, *, classes: Any) -> None:
    """Raises where metrics, in whatever lists, compare labels with something else than projections.

    Args:
        metrics: as `compile` takes them; functions and classes of one's own are left alone.
        classes: of the joint classifier, or None.

    Raises:
        ValueError: a name, or a metric of Keras: all of these compare predictions with labels.

    Example:
        >>> require_metrics([["accuracy"]], classes=None)
        Traceback (most recent call last):
        ValueError: metrics of SupConModel are given (labels, projections [B, V, D]), and 'accuracy' compares labels \
with predictions: leave it out. SupConModel(classes=C) shows the accuracy of a classifier, \
sc.callbacks.KNNAccuracy that of nearest neighbours; metrics of projections are in sc.metrics.
    """
    for metric in tf.nest.flatten(metrics):
        if not _of_predictions(metric):
            continue
        shown = (
            '"accuracy" of the joint classifier is shown without it'
            if classes
            else "SupConModel(classes=C) shows the accuracy of a classifier"
        )
        raise refusal(
            f"metrics of SupConModel are given (labels, projections [B, V, D]), and {_name(metric)} compares labels "
            f"with predictions: leave it out. {shown}, sc.callbacks.KNNAccuracy that of nearest neighbours; metrics of "
            "projections are in sc.metrics."
        )


def _of_predictions(metric: Any) -> bool:
    if isinstance(metric, str):
        return True
    if type(metric) is tf.keras.metrics.MeanMetricWrapper:  # around a function of anybody
        return False
    return str(getattr(metric, "__module__", "")).split(".")[0] in _KERAS


def _name(metric: Any) -> str:
    return repr(metric) if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
