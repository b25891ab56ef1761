"""The exact gradient of a whole batch while the network holds activations of a part of it.

Gradient caching (Gao et al., 2021, arXiv:2101.06983). A contrastive loss compares all images of a batch, so its
gradient is not the sum of those of micro-batches. But it reaches the network through the outputs alone:

1. Each micro-batch goes through the network, and only its outputs are kept.
2. The loss of all outputs gives its gradient by each of them. Here, and only here, replicas meet.
3. Each micro-batch goes through again, with a tape, and takes the gradient by its outputs back to the weights.

The price is the first pass. In the third, random layers draw what they drew in the first. Batch norm normalises each
micro-batch by its own moments, as replicas do without cross-replica moments; its moving averages take one move a
step, the mean of the moves that the micro-batches ask for.

A layer that draws from where nobody can set it back, as `tf.random.uniform` does, would send the gradient through
another network. The third step has the outputs anyway: where they are not those of the first, but for rounding, there
is an error, or no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple

import tensorflow as tf

from supcon_tf.distribution.collectives import can_meet_in_loops
from supcon_tf.keras_generations import inner_layers, random_states
from supcon_tf.losses.soundness import poisoned, require

ROUNDING, ROUNDING_16 = 0.02, 0.25  # see `rounding`


def value_and_gradients(
    forward: Callable[[tf.Tensor], tf.Tensor],
    inputs: tf.Tensor,
    loss: Callable[[tf.Tensor], tuple],
    *,
    variables: Sequence,
    state: Sequence = (),
    microbatches: int = 1,
    rounding: float = ROUNDING,
) -> tuple[list, object]:
    """Gradients of a loss of all outputs of a network.

    Args:
        forward: [n, ...] to outputs float32 [n, ...], for any n.
        inputs: [n, ...], n known and divisible by `microbatches`.
        loss: outputs [n, ...] to (scalar, anything).
        variables: that the gradients are by.
        state: other variables that `forward` changes; see `forward_state`.
        microbatches: k, parts that go through the network one after the other. 1 is plain back-propagation.
        rounding: how far outputs of the same rows may be from each other in two passes; see the function `rounding`.

    Returns:
        (gradients, a list like `variables`; what `loss` returned beside the scalar).

    Raises:
        ValueError: n is not divisible by `microbatches`; or a pass cannot be repeated, as where a layer draws by
            `tf.random.uniform`. That is tf.errors.InvalidArgumentError in a graph, and under XLA all floats are NaN.
    """
    if microbatches == 1:
        with tf.GradientTape() as tape:
            value, rest = loss(forward(inputs))
        return tape.gradient(value, list(variables), unconnected_gradients="zero"), rest
    parts = _cut(inputs, microbatches)  # [k, n / k, ...]
    changing = _Changing.of(state)
    outputs, draws = _outputs(forward, parts, changing)  # [n, ...]
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value, rest = loss(outputs)
    by_outputs = tape.gradient(value, outputs)  # [n, ...]
    by_parts = tf.reshape(by_outputs, [microbatches, -1, *outputs.shape[1:]])  # [k, n / k, ...]
    first = tf.reshape(outputs, by_parts.shape)  # [k, n / k, ...]
    gradients, moved = _send_back(forward, parts, first, by_parts, draws, list(variables), changing)
    # Of rows that are not numbers this is False: they say it themselves.
    sound = require(~(moved > rounding**2 * tf.reduce_sum(first**2)), _ANOTHER)
    return [poisoned(gradient, sound) for gradient in gradients], tf.nest.map_structure(
        lambda part: poisoned(part, sound) if tf.is_tensor(part) and part.dtype.is_floating else part, rest
    )


def outputs_of(forward: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor, *, microbatches: int = 1) -> tf.Tensor:
    """The outputs [n, ...] of a network that nobody takes a gradient of; arguments as above."""
    if microbatches == 1:
        return forward(inputs)
    return _outputs(forward, _cut(inputs, microbatches), _Changing.of(()))[0]


def forward_state(*layers: tf.keras.layers.Layer) -> list:
    """What a forward pass of these layers changes: moving averages, and the states of random layers.

    Raises:
        ValueError: a random layer of Keras 2 draws from where its draws cannot be repeated.
    """
    changed = [variable for layer in layers for variable in layer.non_trainable_variables]
    changed += random_states([inner for layer in layers for inner in inner_layers(layer)])
    return list({id(variable): variable for variable in changed}.values())


def rounding(*layers: tf.keras.layers.Layer) -> float:
    """How far outputs may be from those of another pass of the same rows: a share of their norm.

    Passes that are compiled apart round apart, on a GPU in TF32 (10 bits) at least, and batch norm of nearly equal rows
    magnifies that. So this is far above what sound networks show. A draw that moves outputs by less moves the gradient
    by as little.

    Args:
        layers: of the network.

    Example:
        >>> rounding(tf.keras.layers.Dense(2)), rounding(tf.keras.layers.Dense(2, dtype="mixed_bfloat16"))
        (0.02, 0.25)
    """
    inner = (inner for layer in layers for inner in inner_layers(layer))
    return ROUNDING_16 if any(tf.as_dtype(one.compute_dtype or "float32").size == 2 for one in inner) else ROUNDING


_ANOTHER = (
    "micro-batches go through the network twice, and the second time gave other outputs: a layer draws random numbers "
    "that cannot be drawn again, as by tf.random.uniform in its `call`. Let it draw by tf.random.stateless_uniform, "
    "with a seed from an integer weight of its own (trainable=False) that it counts up, or train with microbatches=1."
)


class _Changing(NamedTuple):
    """What a forward pass changes, beside the outputs."""

    averages: list  # of batch norm
    before: list  # their values before the step
    random: list  # states of random layers

    @classmethod
    def of(cls, state) -> _Changing:
        averages = [variable for variable in state if tf.as_dtype(variable.dtype).is_floating]
        random = [variable for variable in state if not tf.as_dtype(variable.dtype).is_floating]
        return cls(averages, _read(averages), random)


def _cut(inputs, microbatches):
    """[n, ...] as [k, n / k, ...]."""
    if inputs.shape[0] is None or inputs.shape[0] % microbatches:
        raise ValueError(
            f"a batch of {inputs.shape[0]} rows cannot be cut into {microbatches} micro-batches of equal size: make "
            "the batch of each replica a multiple of them."
        )
    return tf.reshape(inputs, [microbatches, inputs.shape[0] // microbatches, *inputs.shape[1:]])


def _outputs(forward, parts, changing):
    """Outputs of all rows [n, ...], and for each part the states from which random layers drew, a list of arrays."""
    count, shapes = parts.shape[0], []

    def one(number, carry):
        outputs, draws = carry
        draws = [array.write(number, state) for array, state in zip(draws, _read(changing.random))]
        found = forward(parts[number])  # [n / k, ...]
        shapes.append(found.shape)
        return outputs.write(number, found), draws

    outputs = tf.TensorArray(tf.float32, size=count, infer_shape=False)
    draws = [
        tf.TensorArray(variable.dtype, size=count, element_shape=variable.shape, clear_after_read=False)
        for variable in changing.random
    ]
    outputs, draws = _repeat(count, one, (outputs, draws))
    return tf.reshape(outputs.stack(), [count * shapes[0][0], *shapes[0][1:]]), draws


def _send_back(forward, parts, first, by_parts, draws, variables, changing):
    """Takes the gradients by the outputs of each part [k, n / k, ...] back; moves the averages once.

    Returns:
        (gradients by the variables; squared distance, scalar, of the outputs from the `first` ones).
    """
    count = parts.shape[0]

    def one(number, carry):
        sums, moves, moved = carry
        _assign(changing.random, [array.read(number) for array in draws])
        _assign(changing.averages, changing.before)
        with tf.GradientTape() as tape:
            outputs = forward(parts[number])  # [n / k, ...]
        found = tape.gradient(outputs, variables, by_parts[number], unconnected_gradients="zero")
        after = _read(changing.averages)
        moves = [move + now - before for move, now, before in zip(moves, after, changing.before)]
        moved += tf.reduce_sum((outputs - first[number]) ** 2)
        return [total + gradient for total, gradient in zip(sums, found)], moves, moved

    zeros = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
    start = (zeros, [tf.zeros_like(value) for value in changing.before], tf.zeros([], first.dtype))
    sums, moves, moved = _repeat(count, one, start)
    _assign(changing.averages, [before + move / count for before, move in zip(changing.before, moves)])
    return sums, moved


def _repeat(count: int, body, carry):
    """carry after `body(number, carry)` for 0 to count - 1, strictly one after the other.

    On one replica, or a TPU, a loop of the graph. Replicas may meet inside the body, for the moments of batch norm, and
    a MirroredStrategy lets them meet in no loop: there the graph holds the body `count` times.
    """
    if can_meet_in_loops():
        return tf.while_loop(
            lambda number, carry: number < count,
            lambda number, carry: (number + 1, body(number, carry)),
            (tf.constant(0), carry),
            parallel_iterations=1,
        )[1]
    for number in range(count):
        done = [leaf.flow if isinstance(leaf, tf.TensorArray) else leaf for leaf in tf.nest.flatten(carry)]
        with tf.control_dependencies(done):
            carry = body(number, carry)
    return carry


def _read(variables) -> list:
    """What this replica's variables are now."""
    return [tf.identity(tf.convert_to_tensor(variable)) for variable in variables]


def _assign(variables, values) -> None:
    for variable, value in zip(variables, values):
        variable.assign(value)
