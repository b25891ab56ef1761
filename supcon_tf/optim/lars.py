"""LARS: SGD with momentum whose rate is scaled, variable by variable, to the size of what it updates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Optional, Union

import tensorflow as tf

from supcon_tf.keras_generations import optimizer_places


@tf.keras.utils.register_keras_serializable(package="supcon_tf")
class LARS(tf.keras.optimizers.SGD):
    """Layer-wise adaptive rate scaling (You et al., 2017, arXiv:1708.03888), as the paper's TensorFlow code has it.

    For each variable w with gradient g, summed over replicas, and rate r:

        g <- g + weight_decay w                          not for those in `undecayed`
        trust = trust_coefficient ||w|| / ||g||          1 where a norm is 0, and for those in `unadapted`
        v <- momentum v + r trust g
        w <- w - v

    With `classic_momentum=False` the rate stays out of the momentum: v <- momentum v + g, trust is that of v, and
    w <- w - r trust v. The decay is part of the gradient whose norm is taken, so a loss that this optimizer minimises
    carries no L2 penalty.

    Args:
        learning_rate: number or schedule.
        momentum: of v, above 0.
        weight_decay: coefficient on w, >= 0.
        trust_coefficient: eta of the paper of LARS.
        classic_momentum: whether the rate and the trust ratio enter v.
        undecayed: variables that are not decayed; or, as `get_config` gives them, places in the list that `build` gets.
        unadapted: variables whose trust ratio is 1; None: those that are not decayed, as in the authors' code.
        **keywords: of every Keras optimizer, such as `name`.

    Raises:
        ValueError: a coefficient is out of its range.

    Example:
        >>> model = tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)])
        >>> optimizer = LARS(0.3, weight_decay=1e-6, undecayed=[model.layers[0].bias])
        >>> model.compile(optimizer=optimizer, loss="mse")
    """

    def __init__(
        self,
        learning_rate: Union[float, tf.keras.optimizers.schedules.LearningRateSchedule] = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        classic_momentum: bool = True,
        undecayed: Sequence[Union[tf.Variable, int]] = (),
        unadapted: Optional[Sequence[Union[tf.Variable, int]]] = None,
        **keywords: Any,
    ):
        if keywords.pop("nesterov", False):
            raise ValueError("LARS has no Nesterov momentum: leave `nesterov` out.")
        if not 0 < momentum < 1:
            raise ValueError(f"`momentum` must be above 0 and below 1; got {momentum}.")
        if weight_decay < 0 or trust_coefficient <= 0:
            raise ValueError(
                "`weight_decay` must be >= 0 and `trust_coefficient` above 0; got "
                f"weight_decay={weight_decay} and trust_coefficient={trust_coefficient}."
            )
        super().__init__(learning_rate, momentum=momentum, **keywords)  # Keras' own decay is decoupled: not asked for
        self.coupled_weight_decay = weight_decay
        self.trust_coefficient = trust_coefficient
        self.classic_momentum = classic_momentum
        self._undecayed = self._keys(undecayed)
        self._unadapted = self._undecayed if unadapted is None else self._keys(unadapted)

    def build(self, variables: Sequence[tf.Variable]) -> None:
        super().build(variables)
        keys = [self._var_key(variable) for variable in variables]
        self._undecayed = frozenset(keys[one] if isinstance(one, int) else one for one in self._undecayed)
        self._unadapted = frozenset(keys[one] if isinstance(one, int) else one for one in self._unadapted)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Optional[tf.Tensor] = None
    ) -> None:
        """One variable's update; Keras 3 hands the rate over, Keras 2 keeps it."""
        rate = tf.cast(self.learning_rate if learning_rate is None else learning_rate, variable.dtype)
        key = self._var_key(variable)
        velocity = self.momentums[optimizer_places(self)[key]]
        weight, gradient = tf.convert_to_tensor(variable), tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        if key not in self._undecayed:
            gradient += self.coupled_weight_decay * weight
        if self.classic_momentum:
            update = (
                self.momentum * tf.convert_to_tensor(velocity) + rate * self._trust(key, weight, gradient) * gradient
            )
            velocity.assign(update)
        else:
            moved = self.momentum * tf.convert_to_tensor(velocity) + gradient
            velocity.assign(moved)
            update = rate * self._trust(key, weight, moved) * moved
        variable.assign_sub(update)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["nesterov"]
        return {
            **config,
            "weight_decay": self.coupled_weight_decay,
            "trust_coefficient": self.trust_coefficient,
            "classic_momentum": self.classic_momentum,
            "undecayed": self._numbered(self._undecayed),
            "unadapted": self._numbered(self._unadapted),
        }

    def _trust(self, key: Hashable, weight: tf.Tensor, direction: tf.Tensor) -> Union[float, tf.Tensor]:
        if key in self._unadapted:
            return 1.0
        length, step = tf.norm(weight), tf.norm(direction)
        ratio = self.trust_coefficient * tf.math.divide_no_nan(length, step)
        return tf.where((length > 0) & (step > 0), ratio, tf.ones_like(ratio))

    def _keys(self, chosen: Sequence[Union[tf.Variable, int]]) -> frozenset[Any]:
        """Variables by the key under which this optimizer knows them; not the variables: it would save them too."""
        return frozenset(one if isinstance(one, int) else self._var_key(one) for one in chosen)

    def _numbered(self, chosen: frozenset[Any]) -> list[int]:
        places = optimizer_places(self)
        if not all(isinstance(one, int) or one in places for one in chosen):
            raise ValueError(
                "LARS knows the places of its excluded variables after `build(variables)`: call it before."
            )
        return sorted(one if isinstance(one, int) else places[one] for one in chosen)
