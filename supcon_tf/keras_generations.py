"""All that Keras 2 and Keras 3 differ in, each with its reason; everywhere else one code serves both.

Features are asked for, never versions. What is private in either generation is touched here alone.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context as eager_context  # the global seed has no public reader

if TYPE_CHECKING:
    from typing_extensions import Self

KERAS_3 = hasattr(tf.keras, "ops")


def inner_layers(layer: tf.keras.layers.Layer) -> list[tf.keras.layers.Layer]:
    """The layer and all layers in it at any depth, those in lists included.

    Private, but the one walk that both generations have: the public `layers` of Keras 2 exists for models alone, and
    neither looks into lists.
    """
    return list(layer._flatten_layers())


def give_weights(layer: tf.keras.layers.Layer, values: list[Any]) -> None:
    """Gives a layer or a network the weights of another, in their order."""
    layer.set_weights(values)
    renew_copies(layer)


def renew_copies(layer: tf.keras.layers.Layer) -> None:
    """Makes the layers that compute with copies of their weights copy them again: `Normalization` does.

    To be called wherever weights come by other ways than a file of Keras: by `set_weights` or by a checkpoint of
    TensorFlow, neither of which tells the layers.
    """
    for inner in inner_layers(layer):
        if isinstance(inner, tf.keras.layers.Normalization):
            inner.finalize_state()


def symbolic_outputs(layer: tf.keras.layers.Layer) -> list[Any]:
    """What a layer gives, once for each place where it stands: `output` of a nested model is that of its own graph."""
    nodes = layer._inbound_nodes
    return [tensor for node in nodes for tensor in _listed(node.output_tensors if KERAS_3 else node.outputs)]


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def variable_path(variable: Any) -> str:
    """The whole name of a variable, `stem/kernel`: Keras 3 has it as `path`, and in `name` the last part only."""
    return str(getattr(variable, "path", variable.name)).removesuffix(":0")


def tensorflow_variable(variable: Any) -> tf.Variable:
    """TensorFlow's own variable, which Keras 3 wraps."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def weights_to_train(layer: tf.keras.layers.Layer) -> list[tf.Variable]:
    """The weights in a layer that train, and those that would if nothing in it were frozen; TensorFlow's own."""
    name = "_trainable_variables" if KERAS_3 else "_trainable_weights"
    return [tensorflow_variable(variable) for inner in inner_layers(layer) for variable in getattr(inner, name)]


def freeze_alike(layer: tf.keras.layers.Layer, pattern: tf.keras.layers.Layer) -> None:
    """Freezes in a layer what is frozen in another of the same shape, and nothing else."""
    for one, other in zip(inner_layers(layer), inner_layers(pattern)):
        one._trainable = other.trainable  # by `trainable` those inside would change too, whatever was said of them


def build_under_own_name(layer: tf.keras.layers.Layer, shape: tuple[Optional[int], ...]) -> None:
    """Makes a layer's weights under its name: built inside another layer, Keras 2 would call every one `kernel:0`."""
    with tf.name_scope(layer.name):
        layer.build(shape)


def divide_moments_by_n(layer: tf.keras.layers.BatchNormalization) -> None:
    """Batch norm whose moving variance is that of the batch, divided by n as all else is.

    The fused kernel, which Keras 2 takes on one replica, divides the moving variance by n - 1. Keras 3 does not.
    """
    if hasattr(layer, "_bessels_correction_test_only"):
        layer._bessels_correction_test_only = False


def forgotten(layer: tf.keras.layers.Layer) -> list[Any]:
    """What the configs of batch norms in a layer leave out, for `remembered`: (synchronized, fused, corrected) each.

    A config of Keras 2 says of none of them, so that a copy would take each replica's own moments. Empty for Keras 3.
    """
    return [
        [norm.synchronized, norm.fused, norm._bessels_correction_test_only]
        for norm in inner_layers(layer)
        if hasattr(norm, "_bessels_correction_test_only")
    ]


def remembered(layer: tf.keras.layers.Layer, settings: list[Any]) -> None:
    """Gives the batch norms in a layer what those that it was copied from had."""
    norms = [norm for norm in inner_layers(layer) if hasattr(norm, "_bessels_correction_test_only")]
    for norm, (synchronized, fused, corrected) in zip(norms, settings):
        norm.synchronized, norm.fused, norm._bessels_correction_test_only = synchronized, fused, corrected


def share_moments(network: tf.keras.layers.Layer, *, cross_replica: bool) -> list[Any]:
    """Says of every batch norm in a network made by others whether it takes the moments of the global batch.

    Moving variances divide by n in any case. The fused kernel of Keras 2, chosen when a layer was built, knows of no
    other replicas.

    Returns:
        The layers that cannot: those of Keras 2 that renormalise, or cut the batch.
    """
    norms = [layer for layer in inner_layers(network) if isinstance(layer, tf.keras.layers.BatchNormalization)]
    unable = [norm for norm in norms if getattr(norm, "renorm", False) or getattr(norm, "virtual_batch_size", None)]
    if cross_replica and unable:
        return unable
    for norm in norms:
        norm.synchronized = cross_replica
        if cross_replica and not KERAS_3:
            norm.fused = False
        divide_moments_by_n(norm)
    return []


def random_states(layers: list[tf.keras.layers.Layer]) -> list[tf.Variable]:
    """Variables from which random layers draw, beside those that are weights of theirs.

    Keras 3 has the states of its generators among the weights; Keras 2 keeps them apart.

    Raises:
        ValueError: a layer of Keras 2 draws from where its draws cannot be repeated.
    """
    generators = [(layer, getattr(layer, "_random_generator", None)) for layer in layers]
    states = []
    for layer, generator in generators if not KERAS_3 else ():
        if generator is None:
            continue
        generator._maybe_init()
        if generator._generator is None:
            raise ValueError(
                f"layer '{layer.name}' draws random numbers that cannot be drawn again, which micro-batches need: make "
                "it with rng_type='stateful', or train with microbatches=1."
            )
        states.append(generator._generator.state)
    return states


class WholeModel(tf.keras.Model):
    """A model that has all its weights when it is made, and whose `train_step` reads its data by itself.

    On several replicas Keras 3 calls a model, and the metrics on what it gives, before the first step, to make their
    weights, which cannot be made in a step. Here that of the optimizer alone are left to make: what the metrics of
    `compile` are told of is not what a call gives.
    """

    if TYPE_CHECKING:  # that of `tf.keras.Model` may give another class, where it is called for itself

        def __new__(cls, *others: Any, **keywords: Any) -> Self: ...

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        if not KERAS_3:
            self._shown_loss = tf.keras.metrics.Mean(name="loss")

    @property
    def shown_loss(self) -> tf.keras.metrics.Mean:
        """The mean that is shown as "loss": Keras 3 has one of its own, beside which another would be shown twice."""
        return self._loss_tracker if KERAS_3 else self._shown_loss

    def _symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        self._post_build()


def build_optimizer(optimizer: tf.keras.optimizers.Optimizer, variables: list[tf.Variable]) -> None:
    """Makes the optimizer's weights where they are missing.

    Keras 3 scales losses by one of them in the first step. Keras 2 makes them by itself, but for the older kind:
    whoever reads its `iterations` makes that first, in the graph of the step, which replicas cannot run.
    """
    if not getattr(optimizer, "built", True):
        with tf.init_scope():
            optimizer.build(variables)
    elif hasattr(optimizer, "_create_all_weights"):
        with tf.init_scope():
            optimizer._create_all_weights(variables)


def compiled_loss(model: tf.keras.Model) -> Any:
    """The loss that `compile` got, or None: without one Keras 3 has a method of that name, Keras 2 an empty dict."""
    loss = getattr(model, "loss", None)
    return None if not loss or getattr(loss, "__self__", None) is model else loss


def accumulates(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether the optimizer sums gradients of several batches before an update, which Keras 3 alone can."""
    return bool(getattr(_inner(optimizer), "gradient_accumulation_steps", None))


def optimizer_places(optimizer: tf.keras.optimizers.Optimizer) -> dict[str, Any]:
    """Place of each variable in the list that `build` got, by the optimizer's key for it; empty before `build`."""
    return getattr(optimizer, "_trainable_variables_indices", None) or getattr(optimizer, "_index_dict", {})


def scales_loss(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether the optimizer scales the loss, as "mixed_float16" needs."""
    return isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)


def loss_scaling(optimizer: tf.keras.optimizers.Optimizer) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """How this optimizer wants a loss scaled, and its gradients brought back before they are applied.

    Under "mixed_float16" gradients in 16 bits would fall below what they can hold. Keras 3 brings them back itself.

    Returns:
        (scalar loss to scalar, list of gradients to list).
    """
    if not scales_loss(optimizer):
        return _unchanged, _unchanged
    if KERAS_3:
        return optimizer.scale_loss, _unchanged
    return optimizer.get_scaled_loss, optimizer.get_unscaled_gradients


def loss_scale(optimizer: tf.keras.optimizers.Optimizer) -> tf.Tensor:
    """What gradients as `apply_gradients` takes them are larger by: 1 with Keras 2, which wants them unscaled."""
    return tf.convert_to_tensor(optimizer.dynamic_scale) if KERAS_3 and scales_loss(optimizer) else tf.ones([])


def reads_summed_gradients(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether what `summed_gradients` yields works.

    Keras 3 sums scaled ones in a branch of the graph that nothing can read. The optimizers of Keras 2 of the older kind
    (`tf.keras.optimizers.legacy`, those of TensorFlow Addons) have no method for the sum.
    """
    return not (KERAS_3 and scales_loss(optimizer)) and hasattr(_inner(optimizer), _SUMMING)


_SUMMING = "_all_reduce_sum_gradients" if KERAS_3 else "aggregate_gradients"
_CLIPPING = "_clip_gradients"
_lock = threading.Lock()
_watched: dict[int, list[Any]] = {}  # id of an optimizer -> [how many watch it, its own attributes before by name]
_own = threading.local()  # each replica is traced in a thread of its own


@contextlib.contextmanager
def summed_gradients(optimizer: tf.keras.optimizers.Optimizer) -> Iterator[Callable[[], Any]]:
    """Yields a function to the gradients, summed over replicas, that the optimizer applied inside the block.

    On several replicas only the optimizer sees that sum, in a method of its own. It is watched while any replica is in
    the block, and is afterwards as it was. The replicas meet in that sum, so all have entered before the first leaves.

    Keras 3 would clip what each replica has (`clipnorm`, `global_clipnorm`, `clipvalue`), which is another update than
    that of one device. In the block it clips the sum, as Keras 2 does; what is yielded is not clipped, as there.
    """
    inner = _inner(optimizer)
    with _lock:
        _watch(inner)
    try:
        yield lambda: _own.summed
    finally:
        with _lock:
            _unwatch(inner)


def _inner(optimizer: tf.keras.optimizers.Optimizer) -> tf.keras.optimizers.Optimizer:
    """The one that applies gradients: without what scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _watch(optimizer: tf.keras.optimizers.Optimizer) -> None:
    own = vars(optimizer)  # not by setattr, with which Keras would track what is put there
    before = {name: own[name] for name in (_SUMMING, _CLIPPING) if name in own}
    entry = _watched.setdefault(id(optimizer), [0, before])
    entry[0] += 1
    if entry[0] > 1 or not hasattr(optimizer, _SUMMING):
        return
    aggregate = getattr(optimizer, _SUMMING)
    clip = getattr(optimizer, _CLIPPING) if KERAS_3 else _unchanged

    def watched(grads_and_vars: Any) -> Any:
        summed = list(aggregate(grads_and_vars))
        _own.summed = [gradient for gradient, _ in summed]
        return list(zip(clip(_own.summed), [variable for _, variable in summed]))

    own[_SUMMING] = watched
    if KERAS_3:
        own[_CLIPPING] = _unchanged


def _unwatch(optimizer: tf.keras.optimizers.Optimizer) -> None:
    entry = _watched[id(optimizer)]
    entry[0] -= 1
    if entry[0]:
        return
    del _watched[id(optimizer)]
    for name in (_SUMMING, _CLIPPING):
        vars(optimizer).pop(name, None)
    vars(optimizer).update(entry[1])


@contextlib.contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """A block that starts from a seed for Python, NumPy, TensorFlow and Keras, and leaves theirs as they were."""
    eager = eager_context.context()
    before = random.getstate(), np.random.get_state(), vars(eager).copy(), _keras_seeds()
    tf.keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        for name in ("_seed", "_rng"):  # a fresh process has no generator yet
            setattr(eager, name, before[2].get(name))
        _restore_keras_seeds(before[3])


def _keras_seeds() -> dict[str, Any]:
    """What Keras draws seeds from."""
    holder, names = _seed_holder()
    return {name: getattr(holder, name, None) for name in names}


def _restore_keras_seeds(seeds: dict[str, Any]) -> None:
    holder, _ = _seed_holder()
    for name, value in seeds.items():
        setattr(holder, name, value)


def _seed_holder() -> tuple[Any, tuple[str, ...]]:
    package = tf.keras.layers.Layer.__module__.split(".")[0]  # "keras", or "tf_keras"
    if KERAS_3:
        state = importlib.import_module(f"{package}.src.backend.common.global_state").GLOBAL_STATE_TRACKER
        return state, ("global_random_seed", "global_seed_generator")
    return importlib.import_module(f"{package}.src.backend")._SEED_GENERATOR, ("generator",)


def _unchanged(value: Any) -> Any:
    return value
