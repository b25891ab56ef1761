"""The command that runs the tables: what it refuses, what it plans, and that kills cost nothing but time."""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# A table of two tiny trainings in the place of the paper's.
PROGRAM = """
import sys
from experiments import tables
from supcon_tf.tables import Cell, Table
tiny = {"data.examples": 96, "encoder.width": 0.0625, "contrastive.epochs": 3, "contrastive.warmup_epochs": 0,
        "linear.epochs": 2, "contrastive.batch_size": 32, "linear.batch_size": 32, "knn.every": 0}
cells = (Cell("warm", "", "digits.supcon", {**tiny, "loss.temperature": 0.2}, seeds=2),
         Cell("warm", "ECE", "digits.supcon", {**tiny, "loss.temperature": 0.2}, number="ece", seeds=1),
         Cell("far too fast", "", "digits.supcon", {**tiny, "contrastive.base_learning_rate": 1e30}, seeds=1))
tables.TABLES["tiny"] = Table("tiny", "tiny runs", "No table", {"digits": cells}, reference="warm")
import runpy
runpy.run_module("launch.reproduce", run_name="__main__")
"""


def command(*flags, program=PROGRAM):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {"args": [sys.executable, "-c", program, *flags], "cwd": ROOT, "env": environment, "text": True,
            "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}  # fmt: skip


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "say which table: --table=2. There are:"),
        (["--table=12", "--workdir=x"], "`table` must be one of 1, 2"),
        (["--table=4", "--workdir=x"], "table 4 has no cells at budget digits; it has paper"),
        (["--table=1"], "say where the runs live: --workdir="),
        (["--table=1", "--workdir=x", "--seeds=one"], "--seeds must be whole numbers"),
        (["--table=6", "--workdir=x", "--corrupted=folder:c", "--frost_dir=f"], "leave --frost_dir out"),
    ],
)
def test_what_cannot_be_is_refused_with_one_message(flags, message):
    ended = subprocess.run([sys.executable, "-m", "launch.reproduce", *flags], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2 and message in ended.stderr and ended.stderr.startswith("error: ")


def test_a_directory_of_another_run_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    ended = subprocess.run([sys.executable, "-m", "launch.reproduce", "--table=1", f"--workdir={tmp_path}"], cwd=ROOT,
                           capture_output=True, text=True)  # fmt: skip
    assert ended.returncode == 2 and "is the directory of a single run" in ended.stderr


@pytest.mark.slow
def test_a_table_is_planned_run_measured_and_written(tmp_path):
    """The diverging row is a reason in the table, and not tried again; the second command has nothing to do."""
    flags = ["--table=tiny", f"--workdir={tmp_path}"]
    plan = subprocess.run(**command(*flags, "--plan"))
    assert plan.returncode == 0, plan.stderr
    assert "3 runs, 3 to do: about" in plan.stdout and "not begun, " in plan.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "data") == ["speed.json"]

    part = subprocess.run(**command(*flags, "--seeds=1"))
    assert part.returncode == 0 and "run 1 of 1" in part.stdout, part.stderr
    warm, ece, _ = json.loads((tmp_path / "table_tiny_digits.json").read_text())["cells"]
    assert [value["seed"] for value in warm["values"]] == [1] and ece["values"] == []
    assert warm["hours"] == ece["hours"] > 0  # what seed 0 takes, which was not asked for
    none = subprocess.run(**command(*flags, "--seeds=7"))
    assert none.returncode == 2 and "--seeds=7 has none of these tables' seeds, which are 0 to 1." in none.stderr

    ran = subprocess.run(**command(*flags))
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "table_tiny_digits.json").read_text())
    warm, ece, fast = found["cells"]
    assert len(warm["values"]) == 2 and len(ece["values"]) == 1 and fast["values"] == []
    assert list(fast["failed"]) == ["0"] and "1 of 1 failed" in ran.stdout
    assert (tmp_path / "table_tiny_digits.html").exists() and warm["hours"] == 0

    again = subprocess.run(**command(*flags))
    assert again.returncode == 0 and "run 1 of" not in again.stdout and "1 of 1 failed" in again.stdout

    gathered = tmp_path / "gathered"  # as runs of several machines, copied into one directory
    for summary in tmp_path.glob("digits.supcon/*/seed_*/summary.json"):
        shutil.copytree(summary.parent, gathered / summary.parent.relative_to(tmp_path))
    plan = subprocess.run(**command("--table=tiny", f"--workdir={gathered}", "--plan"))
    assert plan.returncode == 0 and "3 runs, 1 to do: about" in plan.stdout, plan.stdout


@pytest.mark.guard
def test_killed_and_continued_it_gives_the_same_table(tmp_path):
    """SIGKILL and SIGTERM at moments drawn anew each time; KILLS_SEED repeats a draw."""
    seed = int(os.environ.get("KILLS_SEED", random.SystemRandom().randrange(2**31)))
    print(f"KILLS_SEED={seed}")
    drawn = random.Random(seed)
    whole = subprocess.run(**command("--table=tiny", f"--workdir={tmp_path / 'whole'}"))
    assert whole.returncode == 0, whole.stderr
    flags = ["--table=tiny", f"--workdir={tmp_path / 'cut'}"]
    for number in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(**command(*flags)) as process:
            time.sleep(drawn.uniform(8, 30))
            os.kill(process.pid, number) if process.poll() is None else None
            process.communicate()
    ended = subprocess.run(**command(*flags))
    assert ended.returncode == 0, ended.stderr
    tables = [json.loads((tmp_path / name / "table_tiny_digits.json").read_text()) for name in ("whole", "cut")]
    values = [[[value["value"] for value in cell["values"]] for cell in table["cells"]] for table in tables]
    assert values[0] == values[1] and len(values[0][0]) == 2
