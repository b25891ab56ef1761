"""The section of curves: seeds and their mean, the collapse line, and sentences for what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.report.curves import curves_section, lines
from supcon_tf.report.runs import read_groups
from tests.report.run_directories import stage_lines, write_metrics, write_run


@pytest.fixture
def groups(tmp_path):
    kinds = [("supcon", 0), ("supcon", 1), ("cross_entropy", 0)]
    return read_groups([write_run(tmp_path, kind=kind, seed=seed, evaluation=False) for kind, seed in kinds])


def test_mean_of_seeds_is_numpys(groups):
    found = lines(groups, "contrastive", "loss")
    assert [line.kind for line in found] == ["seed", "seed", "mean"]
    np.testing.assert_allclose(found[2].y, np.mean([found[0].y, found[1].y], axis=0))


def test_one_seed_is_drawn_as_the_main_line(groups):
    (line,) = lines(groups, "cross_entropy", "loss")
    assert (line.kind, line.tone) == ("mean", 1)


def test_mean_stops_where_the_shortest_run_stops(groups):
    write_metrics(groups[0].runs[1].directory.path, stage_lines("contrastive", 20, 0.9, 1)[:5])
    groups = read_groups([run.directory.path for run in groups[0].runs])
    first, second, mean = lines(groups, "contrastive", "loss")
    assert (len(first.x), len(second.x), len(mean.x)) == (20, 5, 5)
    np.testing.assert_allclose(mean.y, (first.y[:5] + second.y) / 2)


def test_collapse_line_once_where_shared_and_in_colour_where_not(tmp_path, groups):
    assert curves_section(groups).count('class="level"') == 1
    other = write_run(tmp_path, experiment="other", evaluation=False)
    write_metrics(
        other,
        [{"stage": "contrastive", "epoch": epoch, "step": epoch, "loss": 3.0, "plateau": 6.0} for epoch in (1, 2)],
    )
    html = curves_section([*groups, *read_groups([other])])
    assert 'class="level tone-0"' in html and 'class="level tone-2"' in html and 'class="level"' not in html


def test_stages_that_some_or_all_runs_lack_are_said(groups):
    html = curves_section(groups)
    assert "Without this stage: digits.cross_entropy." in html and "Without this stage: digits.supcon." in html
    assert "Not part of these runs" not in html
    assert "Not part of these runs: cross-entropy." in curves_section(groups[:1])


def test_losses_that_are_not_numbers_are_said_and_drawn_as_gaps(tmp_path):
    path = write_run(tmp_path, kind="cross_entropy")
    metrics = stage_lines("cross_entropy", 6, 0.9, 0)
    metrics[3]["loss"] = float("nan")
    write_metrics(path, metrics)
    html = curves_section(read_groups([path]))
    assert "loss of the cross_entropy stage is not a number in 1 of 6 epochs, first in epoch 4" in html


def test_a_metric_that_is_nowhere_a_number_has_no_panel(tmp_path):
    path = write_run(tmp_path)
    write_metrics(path, [{"stage": "linear", "epoch": 1, "step": 1, "loss": float("nan"), "test_accuracy": 0.5}])
    html = curves_section(read_groups([path]))
    assert "Loss</figcaption>" not in html and "Top-1 accuracy" in html


def test_what_diagnosis_measured_has_panels_to_be_opened(tmp_path):
    path = write_run(tmp_path)
    metrics = stage_lines("contrastive", 4, 0.9, 0)
    for line in metrics[1::2]:  # not every epoch is looked at
        line |= {name: 0.5 for name in ("alignment", "uniformity", "effective_rank", "update_norm", "knn_accuracy")}
        line |= {f"{kind}_similarity_p{q}": 0.5 for kind in ("positive", "negative") for q in (5, 50, 95)}
    write_metrics(path, metrics)
    html = curves_section(read_groups([path]))
    for title in ("Similarity of pairs", "Effective rank", "Alignment", "Uniformity", "Norm of an update"):
        assert f"<figcaption>{title}" in html and html.index("<summary>Diagnosis") < html.index(title)
    assert html.index("Nearest-neighbour accuracy") < html.index("<summary>Diagnosis")
    assert html.count('class="line median tone-0"') == 1 and html.count('class="line seed tone-0"') == 4
    assert "Gradient norm" not in html


def test_no_metrics_make_a_sentence(tmp_path):
    path = write_run(tmp_path)
    (path / "metrics.jsonl").unlink()
    html = curves_section(read_groups([path]))
    assert "No epoch has been written" in html and "<svg" not in html
