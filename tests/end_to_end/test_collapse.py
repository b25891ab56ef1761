"""Runs that are made to collapse are diagnosed where a person looks; a healthy run hears nothing of it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def train(directory, *flags):
    """Output, records and page of the digits' experiment with these flags."""
    command = [sys.executable, "-m", "launch.train", "--experiment=digits.supcon", f"--workdir={directory}", *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr[-2000:]
    records = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return ended.stdout, records, (directory / "report.html").read_text()


@pytest.mark.slow  # half a minute each
def test_a_run_that_is_made_to_collapse_is_told_so(tmp_path):
    """In the log, in metrics.jsonl and on the page: what happened and what to try; and after an epoch how it starts."""
    out, records, page = train(tmp_path, "--contrastive.epochs=20", "--contrastive.warmup_epochs=1",
                               "--linear.epochs=1", "--contrastive.base_learning_rate=200",
                               "--projection.last_batch_norm=false")  # fmt: skip
    start, warning = [record["warning"] for record in records if "warning" in record]
    assert "warning" in records[0] and "the stage starts near collapse" in start
    assert "projection.last_batch_norm=true" in start and out.count("WARNING: the stage starts near collapse") == 1
    assert "it gives all images nearly the same embedding" in warning and "contrastive.base_learning_rate" in warning
    assert out.count("WARNING: the loss has stayed at") == 1 and warning in out
    assert "the loss has stayed at" in page and "contrastive.warmup_epochs" in page


@pytest.mark.slow
def test_a_run_whose_weights_hardly_move_is_told_so(tmp_path):
    """Its loss stays above the plateau, as random embeddings have it: spread, and nothing gets anywhere."""
    out, records, _ = train(tmp_path, "--contrastive.epochs=14", "--contrastive.warmup_epochs=1", "--linear.epochs=1",
                            "--contrastive.base_learning_rate=1e-9")  # fmt: skip
    (warning,) = [record["warning"] for record in records if "warning" in record]
    assert "above the plateau" in warning and "a higher contrastive.base_learning_rate" in warning
    assert out.count("WARNING") == 1 and warning in out


@pytest.mark.slow
def test_a_healthy_run_hears_nothing_of_collapse(tmp_path):
    out, records, page = train(tmp_path)
    assert "WARNING" not in out and not any("warning" in record for record in records)
    assert "has stayed at" not in page
    contrastive = [record for record in records if record["stage"] == "contrastive"]
    assert abs(contrastive[0]["negative_similarity_p50"]) < 0.5 < contrastive[0]["plateau"]
    assert contrastive[-1]["plateau_distance"] > 0.3 and contrastive[-1]["effective_rank"] > 1.5
    assert contrastive[-1]["knn_accuracy"] > 0.8
