"""What a step sends, counted in the traced graph, is what the formula of the benchmark says, and nothing else."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.step import communication as paper
from tests import tiny
from tests.distributed import communication as traced
from tests.marks import guard, slow

ROOT = pathlib.Path(__file__).parents[2]
BYTES = {"float32": 4, "int32": 4, "int64": 8}


def by_kind(sent, rows) -> dict:
    """Bytes of each kind, told apart by the collective and the shapes; a row count unknown to the graph is M."""
    found = dict.fromkeys(("gather", "statistics", "batch_norm", "gradients"), 0)
    for collective, tensors in sent:
        shapes = [[rows if side is None else side for side in shape] for _, shape in tensors]
        size = sum(int(np.prod(shape)) * BYTES[dtype] for (dtype, _), shape in zip(tensors, shapes))
        if collective == "all_gather":
            kind = "statistics" if shapes == [[rows, 2]] else "gather"
        else:
            kind = "gradients" if len(tensors) > 1 else "batch_norm"
        found[kind] += size
    return found


@pytest.mark.two_replicas_required
@pytest.mark.parametrize("replicas", [guard(2), slow(4), slow(8)])
def test_the_formula_counts_what_the_graph_sends(replicas):
    command = [sys.executable, "-m", "tests.distributed.communication", str(replicas)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    networks = tiny.tiny_networks()
    trained = networks.encoder.trainable_variables + networks.projection.trainable_variables
    images = traced.IMAGES // replicas
    expected = paper.handed_over(
        rows=images * traced.VIEWS, images=images, width=8, weights=sum(int(np.prod(v.shape)) for v in trained),
        norm_channels=8 + 16,
    )  # fmt: skip
    assert by_kind(json.loads(ended.stdout.splitlines()[-1]), images * traced.VIEWS) == expected


def test_a_ring_moves_the_share_of_all_others():
    handed = {"gather": 10, "statistics": 2, "batch_norm": 8, "gradients": 100}
    assert paper.moved(handed, 4) == {"gather": 30, "statistics": 6, "batch_norm": 12, "gradients": 150}
    assert paper.loss_flop(96, 96 * 128, 128) == 6 * 96 * 12_288 * 128


def test_resnet_50_is_counted_right():
    """25.56 million weights with the classifier of 1,000 classes, about 4.1 billion multiply-adds at 224 pixels."""
    network = paper.measure_network("resnet50", 224)
    assert abs(network.weights - (25_557_032 - 1000 * 2049 + 2048 * 128)) < 20_000
    assert network.flop / 2 == pytest.approx(4.1e9, rel=0.03)
