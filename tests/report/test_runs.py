"""Reading run directories: what is read, what counts, and what is said when something is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from supcon_tf.report.runs import as_text, merged, read_groups, read_run
from tests.report.run_directories import write_metrics, write_run


def test_runs_are_grouped_by_experiment_and_ordered_by_seed(tmp_path):
    paths = [write_run(tmp_path, seed=seed, experiment=name) for name, seed in (("b", 2), ("a", 0), ("b", 1))]
    groups = read_groups(paths)
    assert [(group.name, [run.seed for run in group.runs]) for group in groups] == [("b", [1, 2]), ("a", [0])]


def test_statistics_are_those_of_numpy(tmp_path):
    values = [0.97, 0.99, 0.95]
    (group,) = read_groups([write_run(tmp_path, seed=seed, accuracy=value) for seed, value in enumerate(values)])
    np.testing.assert_allclose([group.mean, group.deviation], [np.mean(values), np.std(values, ddof=1)])
    np.testing.assert_allclose(group.seconds, np.mean([28 * 1.5 + 0.2 * seed for seed in range(3)]))


def test_one_run_has_no_spread(tmp_path):
    (group,) = read_groups([write_run(tmp_path)])
    assert np.isnan(group.deviation)


def line(epoch, loss):
    return {"stage": "linear", "epoch": epoch, "step": 5 * epoch, "loss": loss}


def test_a_run_without_classifier_leaves_the_mean(tmp_path):
    paths = [write_run(tmp_path, seed=0, accuracy=0.9), write_run(tmp_path, seed=1, accuracy=None)]
    (group,) = read_groups(paths)
    assert group.mean == 0.9 and len(group.accuracies) == 1


def test_a_repeated_epoch_counts_as_it_was_last_written(tmp_path):
    path = write_run(tmp_path)
    write_metrics(path, [line(epoch, loss) for epoch, loss in ((1, 5), (2, 4), (1, 3))])
    epochs, values = read_run(path).curve("linear", "loss")
    np.testing.assert_array_equal([epochs, values], [[1, 2], [3, 4]])


def test_null_and_nan_are_nan_and_absent_is_absent(tmp_path):
    path = write_run(tmp_path)
    write_metrics(path, [line(1, None), line(2, np.nan)])
    run = read_run(path)
    assert np.isnan(run.curve("linear", "loss")[1]).all() and len(run.curve("linear", "loss")[0]) == 2
    assert len(run.curve("linear", "test_accuracy")[0]) == 0


def test_settings_that_differ_between_seeds_are_found(tmp_path):
    paths = [write_run(tmp_path, seed=seed, changes={"temperature": tau}) for seed, tau in enumerate((0.1, 0.1, 0.5))]
    (group,) = read_groups(paths)
    assert group.mixed_settings() == ["loss.temperature"]
    assert group.settings()["loss.temperature"] == "0.1 | 0.5"
    assert read_groups(paths[:2])[0].mixed_settings() == []


def test_settings_as_text_and_merged():
    assert as_text({"a": {"b": [1, 2], "c": None}, "d": "x"}) == {"a.b": "[1, 2]", "a.c": "null", "d": "x"}
    assert merged([{"a": "1", "b": "2"}, {"b": "3", "c": "4"}]) == {"a": "1", "b": "2 | 3", "c": "4"}


@pytest.mark.parametrize("name", ["summary.json", "config.json"])
def test_a_directory_without_its_files_is_refused_by_name(tmp_path, name):
    path = write_run(tmp_path)
    (path / name).unlink()
    with pytest.raises(ValueError, match=f"{path.name} has no {name}"):
        read_run(path)


def test_broken_files_are_named(tmp_path):
    path = write_run(tmp_path)
    (path / "metrics.jsonl").write_text('{"stage": "linear", "loss": 1}\n')
    with pytest.raises(ValueError, match=r"line 1 of .*metrics\.jsonl is no record of an epoch"):
        read_run(path)
    (path / "summary.json").write_text(json.dumps({"experiment": "x"}))
    with pytest.raises(ValueError, match="must name its `seed`; it has experiment"):
        read_run(path)
    (path / "summary.json").write_text("{")
    with pytest.raises(ValueError, match=r"summary\.json is missing or not readable as JSON"):
        read_run(path)


def test_no_directory_and_a_directory_twice_are_refused(tmp_path):
    path = write_run(tmp_path)
    with pytest.raises(ValueError, match="at least one run directory; got none"):
        read_groups([])
    with pytest.raises(ValueError, match="was given twice"):
        read_groups([path, path.parent / "." / path.name])


def test_evaluation_is_that_of_the_first_seed_that_kept_one(tmp_path):
    (group,) = read_groups([write_run(tmp_path, seed=0, evaluation=False), write_run(tmp_path, seed=1, images=50)])
    run, arrays = group.evaluation()
    assert run.seed == 1 and len(arrays["labels"]) == 50
    (none,) = read_groups([write_run(tmp_path, seed=2, evaluation=False)])
    assert none.evaluation() == (None, {})
