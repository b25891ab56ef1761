"""Names to `tf.distribute` strategies."""

from __future__ import annotations

import functools

import tensorflow as tf

STRATEGIES = ("one_device", "mirrored")


@functools.cache
def make_strategy(name: str, *, replicas: int = 1) -> tf.distribute.Strategy:
    """The strategy called `name` over `replicas` devices of this host.

    The same call gives the same strategy: the collectives of two mirrored ones in a process get in each other's way.
    GPUs are used where there are any; else logical CPU devices are made, which must happen before TensorFlow first
    runs an operation in the process.

    Args:
        name: "one_device" or "mirrored".
        replicas: devices that share each global batch; 1 for "one_device".

    Raises:
        ValueError: unknown name, fewer GPUs than replicas, or TensorFlow's devices already fixed with fewer.
    """
    if name not in STRATEGIES:
        raise ValueError(f"no strategy is called '{name}'; there are {', '.join(STRATEGIES)}.")
    if replicas < 1 or (name == "one_device" and replicas != 1):
        raise ValueError(f"strategy '{name}' cannot have {replicas} replicas.")
    devices = _devices(replicas)
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _devices(replicas: int) -> list[str]:
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU":
        _split_cpu(replicas)
    found = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(found) < replicas:
        raise ValueError(
            f"{replicas} replicas were asked for and this process has {len(found)} {kind} device(s). Ask for at most "
            f"{len(found)} replicas, or start a fresh process if TensorFlow already fixed its devices."
        )
    return [f"{kind}:{index}" for index in range(replicas)]


def _split_cpu(replicas: int) -> None:
    """Makes logical CPU devices; a process whose devices are fixed keeps what it has."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu) is None and replicas > 1:
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
        except RuntimeError:  # Devices are in use already: the count below decides whether they suffice.
            return
