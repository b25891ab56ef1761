"""Names to `tf.distribute` strategies."""

from __future__ import annotations

import functools
import os
import socket

import tensorflow as tf

from supcon_tf.distribution import cluster
from supcon_tf.failures import first_line
from supcon_tf.names import STRATEGIES, one_of

_PROBE_SECONDS = 10.0


def make_strategy(
    name: str, *, replicas: int = 0, tpu: str = "", wait_seconds: float = 300.0
) -> tf.distribute.Strategy:
    """The strategy called `name`.

    The same call gives the same strategy: the collectives of two mirrored ones in a process get in each other's way.

    Args:
        name: "one_device" is the first GPU, or the CPU. "mirrored" is several GPUs of this host, or as many logical
            CPU devices, which must be made before TensorFlow first runs an operation. "multi_worker" is all GPUs (else
            the CPU) of all hosts of `distribution.cluster`. "tpu" is a TPU, one host or pod. "auto" is a TPU where the
            environment names one, else all GPUs where there are several, else one device.
        replicas: devices that share each global batch; 0 takes all there are.
        tpu: name or grpc:// address of the TPU, "local" for the one of this host; "" asks the environment.
        wait_seconds: "multi_worker": how long the other workers may take to join.

    Raises:
        ValueError: unknown name, no such devices, or another number of them than `replicas`.

    Example:
        >>> strategy = make_strategy("one_device")
        >>> strategy.num_replicas_in_sync, make_strategy("one_device") is strategy
        (1, True)
    """
    return _made(name, replicas, tpu, wait_seconds)


@functools.cache
def _made(name: str, replicas: int, tpu: str, wait_seconds: float) -> tf.distribute.Strategy:
    one_of("strategy", name, STRATEGIES)
    if replicas < 0 or (name == "one_device" and replicas > 1):
        raise ValueError(f"strategy '{name}' cannot have {replicas} replicas.")
    make = {
        "auto": lambda: _auto(tpu, replicas),
        "one_device": lambda: tf.distribute.OneDeviceStrategy(_devices(1)[0]),
        "mirrored": lambda: tf.distribute.MirroredStrategy(_devices(replicas)),
        "multi_worker": lambda: cluster.join(wait_seconds),
        "tpu": lambda: _tpu(tpu),
    }
    strategy = make[name]()
    found = strategy.num_replicas_in_sync
    if replicas and found != replicas:
        raise ValueError(
            f"strategy '{name}' has {found} replicas here; got replicas={replicas}. 0 takes all there are."
        )
    return strategy


def is_chief(name: str) -> bool:
    """Whether this process writes the files of a run: under "multi_worker" worker 0 alone."""
    return name != "multi_worker" or cluster.place().is_chief


def host_count(strategy: tf.distribute.Strategy) -> int:
    """How many hosts share the work."""
    return getattr(strategy.extended, "_num_workers", 1) or 1


def describe(name: str, strategy: tf.distribute.Strategy, batch_size: int) -> str:
    """The choice in a line: `mirrored: 2 replicas on 1 host, 64 images each`."""
    replicas = strategy.num_replicas_in_sync
    hosts = host_count(strategy)
    plural = ("" if replicas == 1 else "s", "" if hosts == 1 else "s")
    if name == "auto":
        name = f"auto, {type(strategy).__name__.replace('Strategy', '').replace('V2', '')}"
    return f"{name}: {replicas} replica{plural[0]} on {hosts} host{plural[1]}, {batch_size // replicas} images each"


def _auto(tpu: str, replicas: int) -> tf.distribute.Strategy:
    if tpu or tf.config.list_physical_devices("TPU") or any(os.environ.get(key) for key in _TPU_VARIABLES):
        return _tpu(tpu)
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus > 1 or replicas > 1:
        return tf.distribute.MirroredStrategy(_devices(replicas))
    return tf.distribute.OneDeviceStrategy(_devices(1)[0])


# Where TensorFlow's resolver looks when it is given no name.
_TPU_VARIABLES = ("TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS")


def _tpu(address: str) -> tf.distribute.Strategy:
    """The TPU at an address, all its cores; one clear error for whatever stands in the way."""
    if not address and tf.config.list_physical_devices("TPU"):
        address = "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=address)
        master = resolver.master()
        if master.startswith("grpc://"):
            _probe(master)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        reason = first_line(error)
        if "ConfigureDistributedTPU" in reason:
            reason = "this TensorFlow has no TPU kernels, or this host no TPU"
        raise ValueError(
            f"no TPU answers as '{address}' ({reason}). Give --tpu=NAME, --tpu=local on a TPU host, or "
            "--tpu=grpc://HOST:PORT, and see docs/guides/distribute.md for the TensorFlow builds that have TPU kernels."
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _probe(master: str) -> None:
    """OSError unless somebody listens at grpc://host:port: TensorFlow itself would wait for minutes."""
    host, _, port = master.removeprefix("grpc://").partition(",")[0].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_PROBE_SECONDS):
        pass


def _devices(replicas: int) -> list[str]:
    """So many GPUs, or as many logical CPU devices; all GPUs for 0."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    kind, wanted = ("GPU", replicas or gpus) if gpus else ("CPU", replicas or 1)
    if kind == "CPU":
        _split_cpu(wanted)
    found = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(found) < wanted:
        raise ValueError(
            f"{wanted} replicas were asked for and this process has {len(found)} {kind} device(s). Ask for at most "
            f"{len(found)} replicas, or start a fresh process if TensorFlow already fixed its devices."
        )
    return [f"{kind}:{index}" for index in range(wanted)]


def _split_cpu(replicas: int) -> None:
    """Makes logical CPU devices; a process whose devices are fixed keeps what it has."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu) is None and replicas > 1:
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
        except RuntimeError:  # Devices are in use already: the count below decides whether they suffice.
            return
