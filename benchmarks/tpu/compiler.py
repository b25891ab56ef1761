"""Compiles an HLO file for a TPU that is not there: `python tpu_compile.py FILE v4`; prints one JSON line.

Runs in an environment of its own (`make tpu-env`), whose libtpu holds XLA's TPU compiler and finds no TPU. So it is
called by its path and imports nothing of this repository. It uses private modules of jax: hence the pinned versions.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
import time
from importlib import metadata

# For each generation the smallest slice that libtpu knows: of its devices one is compiled for.
SLICES = {"v4": "v4:2x2x1", "v5e": "v5e:2x2", "v5p": "v5p:2x2x1", "v6e": "v6e:2x2"}
# GiB that a program may use there, as the compiler says when it refuses a larger one. A device of v4 is one of the two
# cores of a chip, with half of its memory; of the others, a chip.
HBM = {"v4": 15.25, "v5e": 15.75, "v5p": 95.73, "v6e": 31.24}
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def compile_for(path: str, topology: str) -> dict:
    """What the TPU compiler says of a program.

    Args:
        path: of a serialized HloModuleProto with static shapes, for one replica.
        topology: one of `SLICES`.

    Returns:
        "compiles", "device", "hbm_there" (bytes), "compile_seconds", "by" (versions by package); and of a program that
        compiles "hbm" (bytes of arguments, outputs, outputs that take the place of arguments, temporaries, and what all
        need) and "flops"; of another "refusal", the compiler's words, and "hbm" with what it needs where that is the
        reason.
    """
    device = _device(topology)
    module = _module(pathlib.Path(path).read_bytes())
    found = {"compiles": True, "device": device.device_kind, "hbm_there": int(HBM[topology] * 2**30)}
    begin = time.perf_counter()
    try:
        compiled = _compile(device, module)
    except Exception as error:  # of a private type; the text is all that is known of it
        refusal = str(error)
        found.update(compiles=False, refusal=refusal[:2000], hbm=_needed(refusal))
    else:
        found.update(hbm=_memory(compiled.get_compiled_memory_stats()), flops=compiled.cost_analysis().get("flops"))
    by = {name: metadata.version(name) for name in ("jax", "jaxlib", "libtpu")}
    return {**found, "compile_seconds": time.perf_counter() - begin, "by": by}


def _device(topology):
    """One device of a slice that is described, not asked for."""
    import libtpu

    os.environ.update(
        TPU_SKIP_MDS_QUERY="1", TPU_WORKER_HOSTNAMES="localhost", TPU_WORKER_ID="0", JAX_PLATFORMS="cpu",
        TPU_ACCELERATOR_TYPE="v5litepod-4", TPU_LIBRARY_PATH=libtpu.get_library_path(),
        ALLOW_MULTIPLE_LIBTPU_LOAD="true",  # else a second compilation on this machine would find a lock
    )  # fmt: skip
    from jax.experimental import topologies

    return topologies.get_topology_desc(SLICES[topology], platform="tpu").devices[0]


def _module(hlo: bytes):
    """The program in the dialect that the compiler reads."""
    from jax._src.interpreters import mlir
    from jax._src.lib import _jax, xla_client
    from jax._src.lib.mlir import ir

    text = _jax.mlir.xla_computation_to_mlir_module(xla_client.XlaComputation(hlo))
    # Updates of variables leave copies, which the dialect has no word for; a barrier passes values on as well.
    text = re.sub(r'"mhlo\.copy"|mhlo\.copy', lambda match: _BARRIER[match.group()], text)
    with mlir.make_ir_context():
        return ir.Module.parse(text)


_BARRIER = {name: name.replace("mhlo.copy", "stablehlo.optimization_barrier") for name in ('"mhlo.copy"', "mhlo.copy")}


def _compile(device, module):
    import numpy as np
    from jax._src.lib import xla_client

    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    only = np.array([[device.id]])
    options.executable_build_options.device_assignment = xla_client.DeviceAssignment.create(only)
    return device.client.compile(module, xla_client.DeviceList((device,)), options)


def _memory(stats) -> dict:
    sizes = {
        "arguments": stats.argument_size_in_bytes,
        "outputs": stats.output_size_in_bytes,
        "aliased": stats.alias_size_in_bytes,
        "temporaries": stats.temp_size_in_bytes,
    }
    return {**sizes, "needed": sizes["arguments"] + sizes["outputs"] - sizes["aliased"] + sizes["temporaries"]}


def _needed(refusal: str) -> dict:
    """Bytes that a refused program needs, in either of the compiler's wordings; empty where that is not the reason."""
    match = re.search(r"[Uu]sed ([\d.]+)([KMGT]?) of [\d.]+[KMGT]? hbm", refusal)
    match = match or re.search(r"\(([\d.]+)([KMGT]?)\) exceeds available HBM", refusal)
    return {"needed": int(float(match[1]) * _UNITS[match[2]])} if match else {}


if __name__ == "__main__":
    print(json.dumps(compile_for(*sys.argv[1:])), flush=True)
