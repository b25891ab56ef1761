"""What a step sends and computes as replicas are added, on paper; the bytes are held to the traced graph by a test.

Of one replica with M rows of width D among R replicas, N = R M rows in all, P weights, and C channels over all batch
norms, in bytes that it hands to collectives in one step:

    projections, labels of B images, how many    4 M D + 8 B + 4    all-gather
    loss statistics          8 M       weight and log denominator of a row      all-gather
    batch norm               20 C      3 forward, 2 backward, cross-replica     all-reduce
    gradients                4 P                                                all-reduce

A ring moves (R - 1) times that over each link for an all-gather and 2 (R - 1) / R times for an all-reduce.
"""

from __future__ import annotations

from typing import NamedTuple

IMAGES, VIEWS, WIDTH = 48, 2, 128  # of a replica: the paper's batch of 6,144 on 128 cores
ENCODER, SIDE = "resnet50", 224
REPLICAS = (2, 8, 32, 128, 512, 1024)


class Network(NamedTuple):
    """What the encoder and head cost."""

    weights: int  # trainable, P
    norm_channels: int  # C
    flop: float  # of one image forward


def run(*, quick: bool = False, dry_run: bool = False) -> tuple[list[dict], str]:
    """A record for each number of replicas, and the table."""
    del quick
    if dry_run:
        return [], f"{ENCODER} at {SIDE} pixels, {IMAGES} images in {VIEWS} views a replica, replicas {REPLICAS}"
    network = measure_network(ENCODER, SIDE)
    records = [_record(network, replicas) for replicas in REPLICAS]
    return records, _table(network, records)


def handed_over(*, rows: int, images: int, width: int, weights: int, norm_channels: int) -> dict:
    """Bytes that a replica hands to collectives in a step, by kind (see the head of this file)."""
    return {
        "gather": 4 * rows * width + 8 * images + 4,
        "statistics": 8 * rows,
        "batch_norm": 20 * norm_channels,
        "gradients": 4 * weights,
    }


def moved(handed: dict, replicas: int) -> dict:
    """Bytes over each link of a ring."""
    gather, reduce = replicas - 1, 2 * (replicas - 1) / replicas
    factors = {"gather": gather, "statistics": gather, "batch_norm": reduce, "gradients": reduce}
    return {kind: factors[kind] * count for kind, count in handed.items()}


def loss_flop(rows: int, all_rows: int, width: int) -> float:
    """Of one replica: the similarities forward and again backward, and their product with the rows."""
    return 3 * 2.0 * rows * all_rows * width


def measure_network(encoder: str, side: int) -> Network:
    """Counts a network that is built for it, with the linear projection head of the paper's ImageNet runs."""
    import numpy as np
    import tensorflow as tf

    from supcon_tf import config
    from supcon_tf.networks.networks import build_networks

    networks = build_networks(
        config.Encoder(name=encoder, stem="image"), config.Projection(widths=(WIDTH,)), image_shape=(side, side, 3),
        classes=1000, cross_replica_batch_norm=False,
    )  # fmt: skip
    variables = networks.encoder.trainable_variables + networks.projection.trainable_variables
    layers = networks.encoder.layers
    norms = [layer for layer in layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    convolutions = [layer for layer in layers if isinstance(layer, tf.keras.layers.Conv2D)]
    places = (np.prod(layer.output.shape[1:3]) for layer in convolutions)  # H W
    flop = sum(2.0 * np.prod(layer.kernel.shape) * count for layer, count in zip(convolutions, places))
    weights = sum(int(np.prod(variable.shape)) for variable in variables)
    return Network(weights, sum(int(norm.gamma.shape[0]) for norm in norms), float(flop))


def _record(network: Network, replicas: int) -> dict:
    rows = IMAGES * VIEWS
    handed = handed_over(
        rows=rows, images=IMAGES, width=WIDTH, weights=network.weights, norm_channels=network.norm_channels
    )
    loss, encoder = loss_flop(rows, rows * replicas, WIDTH), 3 * network.flop * rows  # backward is twice forward
    return {
        "what": "communication", "replicas": replicas, "images": IMAGES * replicas, "handed_over": handed,
        "moved": moved(handed, replicas), "loss_share_of_flop": loss / (loss + encoder),
    }  # fmt: skip


def _table(network: Network, records: list[dict]) -> str:
    lines = [
        f"{ENCODER}, {SIDE} pixels, {IMAGES} images in {VIEWS} views a replica, D = {WIDTH}",
        f"{network.weights:,} weights, "
        f"{network.norm_channels:,} norm channels, {network.flop / 1e9:.2f} GFLOP an image forward; MB over each link",
        "",
        "| replicas | batch | projections | loss statistics | batch norm | gradients | loss, of the FLOP |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for record in records:
        mb = [f"{record['moved'][kind] / 1e6:.2f}" for kind in ("gather", "statistics", "batch_norm", "gradients")]
        cells = [f"{record['replicas']:,}", f"{record['images']:,}", *mb, f"{record['loss_share_of_flop']:.2%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
