"""Whose directory it is, and what is told when it is another's."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys

import pytest

from supcon_tf.config import Experiment, Loss, Stage, Train
from supcon_tf.records import metrics
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.environment import environment

RUN = Experiment(name="a.run", contrastive=Stage(epochs=1))


@pytest.fixture
def begun(tmp_path):
    """A run directory in which something has been trained."""
    RunDirectory(tmp_path).open(RUN)
    (tmp_path / "metrics.jsonl").write_text("")
    return tmp_path


def test_a_new_directory_gets_config_and_environment(tmp_path):
    RunDirectory(tmp_path / "deep" / "run").open(RUN)
    assert json.loads((tmp_path / "deep" / "run" / "config.json").read_text())["name"] == "a.run"
    facts = json.loads((tmp_path / "deep" / "run" / "environment.json").read_text())
    assert facts["packages"]["tensorflow"].startswith("2.") and facts["cpus"] >= 1


def test_a_check_writes_nothing(tmp_path):
    RunDirectory(tmp_path / "run").check(RUN)
    assert list(tmp_path.iterdir()) == []


def test_the_same_experiment_may_continue_and_what_began_it_stays(begun):
    (begun / "environment.json").write_text(json.dumps({**environment(), "mark": 1}))
    RunDirectory(begun).open(RUN)
    assert json.loads((begun / "environment.json").read_text())["mark"] == 1


def test_another_experiment_is_refused_with_the_difference(begun):
    with pytest.raises(ValueError) as error:
        RunDirectory(begun).open(dataclasses.replace(RUN, loss=Loss(temperature=0.5), seed=3))
    message = str(error.value)
    assert "seed: 0 -> 3" in message and "loss.temperature: 0.1 -> 0.5" in message and "another --workdir" in message
    assert json.loads((begun / "config.json").read_text())["seed"] == 0


LAYOUT = {"strategy": "mirrored", "replicas": 2}


def test_a_run_goes_on_in_another_layout_where_that_changes_no_number(begun, capsys):
    RunDirectory(begun).open(dataclasses.replace(RUN, **LAYOUT))
    assert "goes on in another layout (saved -> now)\n  strategy: one_device -> mirrored\n" in capsys.readouterr().out
    assert json.loads((begun / "config.json").read_text())["replicas"] == 2
    RunDirectory(begun).open(RUN)  # and back


@pytest.mark.parametrize("changes", [{"cross_replica_batch_norm": False}, {"train": Train(microbatches=2)}])
def test_a_run_whose_numbers_depend_on_it_keeps_its_layout(changes, tmp_path):
    run = dataclasses.replace(RUN, **changes)
    RunDirectory(tmp_path).open(run)
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"another experiment.*\n  strategy: one_device -> mirrored"):
        RunDirectory(tmp_path).open(dataclasses.replace(run, **LAYOUT))


def test_another_experiment_is_none_in_any_layout(begun):
    with pytest.raises(ValueError, match=r"(?s)another experiment.*seed: 0 -> 3"):
        RunDirectory(begun).open(dataclasses.replace(RUN, seed=3, **LAYOUT))


def test_a_run_goes_on_with_the_data_it_was_begun_with(begun):
    RunDirectory(begun).keep_same_data("folder:a", "12 files")
    RunDirectory(begun).keep_same_data("folder:a", "12 files", image={"mean": [0.5]})  # older runs had no more
    assert json.loads((begun / "data.json").read_text())["image"] == {"mean": [0.5]}
    with pytest.raises(ValueError, match=r"folder:a is not what .* was begun with: 12 files then, 13 files now"):
        RunDirectory(begun).keep_same_data("folder:a", "13 files")


def test_before_anything_has_trained_the_data_may_change(tmp_path):
    RunDirectory(tmp_path).open(RUN)
    RunDirectory(tmp_path).keep_same_data("folder:a", "12 files")
    RunDirectory(tmp_path).keep_same_data("folder:a", "13 files")
    RunDirectory(tmp_path).open(RUN)  # And the directory is still free.
    assert "13 files" in (tmp_path / "data.json").read_text()


def test_before_anything_has_trained_the_experiment_may_change(tmp_path):
    RunDirectory(tmp_path).open(RUN)
    RunDirectory(tmp_path).open(dataclasses.replace(RUN, seed=3))
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 3


def test_a_run_interrupted_in_its_first_epoch_may_begin_again(tmp_path):
    RunDirectory(tmp_path).open(RUN)
    with RunDirectory(tmp_path).held():
        (tmp_path / "tensorboard" / "contrastive").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    RunDirectory(tmp_path).open(dataclasses.replace(RUN, seed=5))
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 5


def test_a_run_of_other_software_is_refused_with_the_difference(begun):
    other = {**environment(), "supcon_tf": "0.0.1", "packages": {"keras": "1.0", "tensorflow": "1.15"}}
    (begun / "environment.json").write_text(json.dumps(other))
    with pytest.raises(ValueError, match=r"(?s)begun with other software .*Continue with what began it") as error:
        RunDirectory(begun).open(RUN)
    for name, saved in (("supcon_tf", "0.0.1"), ("tensorflow", "1.15"), ("keras", "1.0")):
        assert f"\n  {name}: {saved} -> " in str(error.value)
    (begun / "summary.json").write_text("{}")
    RunDirectory(begun).check(RUN)  # a result is a result


@pytest.mark.parametrize("text", ["{}", '{"packages": ["tensorflow"]}'])
def test_software_that_is_not_named_differs_from_any(begun, text):
    (begun / "environment.json").write_text(text)
    with pytest.raises(ValueError, match=r"(?s)begun with other software .*\n  tensorflow: None -> "):
        RunDirectory(begun).open(RUN)


def test_what_has_trained_without_a_config_is_not_taken_for_a_new_run(begun):
    (begun / "config.json").unlink()
    with pytest.raises(ValueError, match=r"config.json is missing or not readable"):
        RunDirectory(begun).open(RUN)


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_directory_that_cannot_be_written_is_refused(inside, tmp_path):
    """Root may write everywhere, but not make a directory beneath a file, nor a file that is a directory."""
    (tmp_path / "lock").mkdir()
    (tmp_path / "deeper").write_text("")
    with pytest.raises(ValueError, match=r"cannot write to the run directory"), RunDirectory(tmp_path / inside).held():
        pass


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match=r"is no run directory .*thesis.tex.*new or empty"):
        RunDirectory(tmp_path).open(RUN)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_path_that_cannot_be_a_directory_is_named(tmp_path, inside):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file"):
        RunDirectory(tmp_path / "file" / inside).open(RUN)


@pytest.mark.parametrize("text, message", [("{", "not readable as JSON"), ("[]", "holds no JSON object")])
def test_a_broken_config_is_named(begun, text, message):
    (begun / "config.json").write_text(text)
    with pytest.raises(ValueError, match=rf"config.json.*{message}"):
        RunDirectory(begun).open(RUN)


def test_a_second_process_in_the_directory_is_refused(begun):
    program = (
        "import sys; from supcon_tf.records.directory import RunDirectory\n"
        "try:\n    RunDirectory(sys.argv[1]).held().__enter__()\nexcept ValueError as e:\n    sys.exit(str(e))"
    )
    command = [sys.executable, "-c", program, str(begun)]
    with RunDirectory(begun).held():
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and "another process is training in" in second.stderr
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0  # Free again.


def test_a_process_whose_directory_was_taken_writes_nothing_more(begun):
    """It was stopped; meanwhile its directory was removed and begun anew."""
    ours = RunDirectory(begun)
    with ours.held():
        ours.verify()
        shutil.rmtree(begun)
        with pytest.raises(OSError, match="was removed, or begun anew"):
            ours.verify()
        theirs = RunDirectory(begun)
        with theirs.held():
            theirs.open(RUN)
            theirs.verify()
            for write in (lambda: ours.write(ours.summary, "{}"), lambda: metrics.append(ours, {"epoch": 1})):
                with pytest.raises(OSError, match="was removed, or begun anew"):
                    write()
    assert not theirs.summary.exists() and not theirs.metrics.exists()


def test_a_lock_that_is_a_link_is_not_opened(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(ValueError, match="cannot write to the run directory"), RunDirectory(tmp_path / "run").held():
        pass
    assert (tmp_path / "precious").read_text() == "precious"
