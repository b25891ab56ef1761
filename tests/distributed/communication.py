"""What a training step sends on R logical replicas: `python -m tests.distributed.communication 4`, one JSON object.

Traces the contrastive step with a small network and records each tensor that replica 0 hands to a collective: a list
of [kind, [[type, shape], ...]] in order.
"""

from __future__ import annotations

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf

from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.training.compiled import compile_update
from supcon_tf.training.objectives import Contrastive
from supcon_tf.training.state import StageState
from supcon_tf.training.update import Penalty, Update
from tests.distributed.replicas import make_strategy
from tests.tiny import SIDE, tiny_networks

IMAGES, VIEWS = 16, 2


def record(sent: list, optimizer) -> None:
    """Makes every collective of replica 0 append what it is handed."""

    def wrap(owner, name, kind, handed):
        original = getattr(owner, name)

        def recording(*arguments, **named):
            arguments = [list(argument) if isinstance(argument, zip) else argument for argument in arguments]
            context = tf.distribute.get_replica_context()
            if tf.get_static_value(context.replica_id_in_sync_group) == 0:
                tensors = [tf.convert_to_tensor(tensor) for tensor in tf.nest.flatten(handed(arguments))]
                sent.append([kind, [[tensor.dtype.name, tensor.shape.as_list()] for tensor in tensors]])
            return original(*arguments, **named)

        setattr(owner, name, recording)

    wrap(tf.distribute.ReplicaContext, "all_gather", "all_gather", lambda arguments: arguments[1])
    wrap(tf.distribute.ReplicaContext, "all_reduce", "all_reduce", lambda arguments: arguments[2])
    if hasattr(optimizer, "aggregate_gradients"):  # Keras 2 does not go by the replica's context
        handed = lambda arguments: [gradient for gradient, _ in arguments[0]]  # noqa: E731
        wrap(optimizer, "aggregate_gradients", "all_reduce", handed)


def main(replicas: int) -> None:
    strategy, sent = make_strategy(replicas), []
    with strategy.scope():
        networks = tiny_networks()
        optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
        state = StageState.create(networks, ("encoder", "projection"), optimizer)
    step = Update(state, Contrastive(IMAGES, supervised_contrastive_loss), penalty=Penalty(1e-3, state.decayed()))
    images, labels = tf.zeros([IMAGES, VIEWS, SIDE, SIDE, 1]), tf.zeros([IMAGES], tf.int64)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(IMAGES, drop_remainder=True)
    batch = next(iter(strategy.experimental_distribute_dataset(data)))
    record(sent, optimizer)
    compile_update(step, state, strategy).get_concrete_function(*batch)
    print(json.dumps(sent), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
