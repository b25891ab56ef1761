"""Proof, without a TPU, that the step of one replica compiles for one: `python -m launch.benchmark tpu --topology=v4`.

The program is that of `benchmarks.tpu.export`; XLA's TPU compiler, in an environment of its own (`make tpu-env`),
says whether it compiles and how much of the device's memory it needs. It does not run, so there are no times of steps.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile

from tqdm import tqdm

from benchmarks.tpu.cases import cases, changed
from supcon_tf.config import Experiment


def run(
    experiment: Experiment, fields: dict, *, tpu_python: str, search: bool = False, dry_run: bool = False
) -> tuple[list[dict], str]:
    """All cases in turn; their records and a table.

    Raises:
        ValueError: a field is wrong, or there is no Python to compile with.
    """
    planned = cases(experiment, fields)
    if dry_run:
        return planned, "\n".join(json.dumps(case) for case in planned)
    if not pathlib.Path(tpu_python).exists():
        raise ValueError(
            f"the TPU compiler needs an environment of its own, and there is no '{tpu_python}': make it with "
            "`make tpu-env`, or name its Python with --tpu_python."
        )
    records = []
    for case in tqdm(planned, desc="cases", unit="case", disable=None):
        for record in _tries(experiment, case, tpu_python, search):
            records.append(record)
            print(json.dumps(record), flush=True)
    return records, f"\n{table(records)}"


def _tries(experiment, case, tpu_python, search):
    """The record of the case; and where it does not fit and a search is asked for, those of halves until one does."""
    record = measure(experiment, case, tpu_python)
    yield record
    while search and record["hbm"] and not record["compiles"]:
        half = case["replica_batch"] // 2
        if half < 1 or half % case["microbatches"]:
            return
        case = {**case, "replica_batch": half, "global_batch": half * case["replicas"]}
        record = measure(experiment, case, tpu_python)
        yield record


def measure(experiment: Experiment, case: dict, tpu_python: str) -> dict:
    """The case and what `compiler.compile_for` says of it; ValueError where its Python fails."""
    from benchmarks.tpu.export import export

    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "step.hlo"
        export(program, changed(experiment, case), replicas=case["replicas"], loss=case["loss"])
        script = pathlib.Path(__file__).with_name("compiler.py")
        command = [tpu_python, str(script), str(program), case["topology"]]
        outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ended = subprocess.run(command, capture_output=True, text=True, env=outside)
    if ended.returncode < 0:
        raise ValueError(
            f"the compilation was ended from outside by signal {-ended.returncode}, which says nothing of the program: "
            "run it again where it has memory and time."
        )
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"status {ended.returncode}"])[-1]
        raise ValueError(f"'{tpu_python}' could not compile: {last}. Make the environment anew with `make tpu-env`.")
    return {**case, **json.loads(ended.stdout.splitlines()[-1])}


def table(records: list[dict]) -> str:
    """A row for each record, and a sentence for each that does not compile."""
    head = f"{'step':<52}{'TPU':>5}{'batch':>7}{'GiB':>8}{'of':>8}{'temporary':>11}{'TFLOP':>8}{'seconds':>9}"
    return "\n".join([head, *map(_row, records), *_refusals(records), *_compilers(records)])


def _row(record):
    parts = [record["encoder"], record["precision"], record["loss"], f"{record['microbatches']} parts"]
    needed, temporary = (_gib(record["hbm"].get(key)) for key in ("needed", "temporaries"))
    flops = f"{record['flops'] / 1e12:.2f}" if record.get("flops") else "-"
    return (
        f"{' '.join(parts):<52}{record['topology']:>5}{record['replica_batch']:>7}{needed:>8}"
        f"{_gib(record['hbm_there']):>8}{temporary:>11}{flops:>8}{record['compile_seconds']:>9.0f}"
    )


def _compilers(records):
    """What compiled, which has an environment of its own."""
    found = {", ".join(f"{name} {version}" for name, version in record["by"].items()) for record in records}
    return [f"compiled by {', and '.join(sorted(found))}"] if found else []


def _refusals(records):
    """What does not compile, and why; with the largest batch that does where it was searched for."""
    for record in records:
        if record["compiles"]:
            continue
        what = f"{record['encoder']}, {record['replica_batch']} images a replica, on {record['topology']}"
        if not record["hbm"]:
            yield f"{what}: the compiler refuses it: {record['refusal'].splitlines()[0]}"
            continue
        fits = [other["replica_batch"] for other in records if other["compiles"] and _alike(other, record)]
        advice = f"{max(fits)} images fit" if fits else "use more --replicas or --microbatches, or --search"
        there, needed = (f"{_gib(value)} GiB" for value in (record["hbm_there"], record["hbm"]["needed"]))
        yield f"{what}: does not fit: it needs {needed} of the {there} there; {advice}."


def _alike(record, other):
    return all(record[name] == other[name] for name in ("encoder", "precision", "loss", "microbatches", "topology"))


def _gib(size) -> str:
    return "-" if size is None else f"{size / 2**30:.2f}"
