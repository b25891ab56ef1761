"""The loss on R logical replicas beside one device, in a process of its own: `python -m tests.distributed.replicas 8`.

A process can have one MirroredStrategy, so each R needs its own. Prints one JSON object: for each case the largest
relative error of values and gradients, and of one case what a step sends over the replicas.
"""

from __future__ import annotations

import functools
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

from tests.losses import problems

value_and_gradient = functools.partial(problems.value_and_gradient, weigh=tf.square, tile_rows=5)
IMAGES, VIEWS, WIDTH = 16, 2, 6
CASES = {
    "float64": {"dtype": "float64"},
    "float32": {"dtype": "float32"},
    "in, one positive": {"dtype": "float64", "summation_location": "in", "denominator_mode": "one_positive"},
    "only negatives, cap": {"dtype": "float64", "denominator_mode": "only_negatives", "positives_cap": 2},
    "no gather": {"dtype": "float64", "cross_replica": False},
}


def allow_waiting(replicas: int) -> None:
    """Collectives wait for one another: each replica needs a thread to wait in, whatever the number of cores."""
    tf.config.threading.set_inter_op_parallelism_threads(4 * replicas)


def make_strategy(replicas: int) -> tf.distribute.Strategy:
    allow_waiting(replicas)
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(replicas)])


def problem(dtype):
    random = np.random.default_rng(0)
    projections = random.normal(size=[IMAGES, VIEWS, WIDTH])
    projections /= np.linalg.norm(projections, axis=-1, keepdims=True)
    return random.integers(-1, 4, IMAGES), projections.astype(dtype)


def on_replicas(strategy, labels, projections, **arguments):
    """Values and gradients of all images, and the traced function."""

    def share(array):
        parts = np.split(array, strategy.num_replicas_in_sync)
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    step = tf.function(
        lambda *inputs: strategy.run(lambda y, z: value_and_gradient(y, z, **arguments), inputs), autograph=False
    )
    inputs = share(labels), share(projections)
    results = step(*inputs)
    return [np.concatenate(strategy.experimental_local_results(result)) for result in results], step, inputs


def gathers_of(step, inputs) -> list:
    """What the replicas hand to `all_gather` while a step is traced anew, [type, shape]; and other collectives."""
    gather, seen = tf.distribute.ReplicaContext.all_gather, []

    def recording(context, value, *args, **kwargs):
        seen.append([value.dtype.name, value.shape.as_list()])
        return gather(context, value, *args, **kwargs)

    tf.distribute.ReplicaContext.all_gather = recording
    try:
        graph = tf.function(step.python_function, autograph=False).get_concrete_function(*inputs).graph
    finally:
        tf.distribute.ReplicaContext.all_gather = gather
    others = {op.type for op in graph.get_operations() if op.type.startswith("Collective")} - {"CollectiveGatherV2"}
    return seen + sorted(others)


def relative_error(found, expected) -> float:
    return float(max(np.abs(one - other).max() / np.abs(other).max() for one, other in zip(found, expected)))


def main(replicas: int, names: list[str]) -> None:
    strategy = make_strategy(replicas)
    report = {}
    for name in names:
        arguments = dict(CASES[name])
        labels, projections = problem(arguments.pop("dtype"))
        found, step, inputs = on_replicas(strategy, labels, projections, **arguments)
        arguments.pop("cross_replica", None)
        exact = value_and_gradient(labels, tf.constant(projections, tf.float64), **arguments)
        report[name] = {"error": relative_error(found, [part.numpy() for part in exact])}
        if name == "float32":
            report[name]["gathers"] = gathers_of(step, inputs)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:] or list(CASES))
