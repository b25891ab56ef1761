"""Saving and bringing back the state of a stage, and what broken files do to it."""

from __future__ import annotations

import errno
import hashlib

import pytest
import tensorflow as tf

from supcon_tf.training import checkpoints as checkpoints_module
from supcon_tf.training.checkpoints import StageCheckpoints


class State:
    """Of a stage, as far as checkpoints know it: a step and something to save. `StageState` takes a second to make."""

    def __init__(self, width=100):
        self.step, self.weight = tf.Variable(0, dtype=tf.int64), tf.Variable(tf.zeros([width]))

    def trackable(self):
        return tf.train.Checkpoint(step=self.step, weight=self.weight)

    def set_to(self, step):
        self.step.assign(step)
        self.weight.assign(tf.fill(self.weight.shape, float(step)))


@pytest.fixture
def saved(tmp_path):
    """A directory with checkpoints of steps 3, 6 and 9, in which the weight is the step."""
    state = State()
    checkpoints = StageCheckpoints(state, tmp_path / "stage")
    for step in (3, 6, 9):
        state.set_to(step)
        checkpoints.save({"epoch": step})
    return tmp_path / "stage"


def restored(directory):
    """(step, progress), after a look at the state."""
    state = State()
    found = StageCheckpoints(state, directory).restore()
    assert int(state.step.numpy()) == found.step and set(state.weight.numpy()) == {found.step}
    return found


def test_the_newest_state_comes_back(saved):
    assert restored(saved) == (9, {"epoch": 9})


def test_without_a_checkpoint_a_stage_begins(tmp_path):
    assert StageCheckpoints(State(), tmp_path / "none").restore() == (0, {})


def test_three_are_kept_and_nothing_else(saved):
    state = State()
    checkpoints = StageCheckpoints(state, saved)
    checkpoints.restore()
    (saved / "step-7_temp").mkdir()  # what an interruption leaves
    (saved / "step-7_temp" / "part").write_text("")
    (saved / "step-8.index").write_text("")
    state.step.assign(12)
    checkpoints.save({})
    suffixes = ("data-00000-of-00001", "index", "json", "sha256")
    expected = [f"step-{step}.{suffix}" for step in (12, 6, 9) for suffix in suffixes]
    assert sorted(path.name for path in saved.iterdir()) == expected


def test_files_that_are_no_checkpoints_are_passed_over(saved):
    for name in ("step-.sha256", "step-copy.sha256", "step-12 (1).sha256", "notes.txt"):
        (saved / name).write_text("")
    assert restored(saved) == (9, {"epoch": 9})


def test_the_sums_are_those_that_sha256sum_checks(saved):
    lines = dict(reversed(line.split("  ")) for line in (saved / "step-9.sha256").read_text().splitlines())
    assert set(lines) == {"step-9.data-00000-of-00001", "step-9.index", "step-9.json"}
    for name, found in lines.items():
        assert hashlib.sha256((saved / name).read_bytes()).hexdigest() == found


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(bytes(content))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


@pytest.mark.parametrize("suffix", ["data-00000-of-00001", "index", "json", "sha256"])
@pytest.mark.parametrize("harm", [flip_a_byte, cut, empty, remove])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(harm, suffix, saved, capsys):
    harm(saved / f"step-9.{suffix}")
    assert restored(saved) == (6, {"epoch": 6})
    said = capsys.readouterr().out
    if (harm, suffix) == (remove, "sha256"):
        assert said == ""  # a checkpoint that was never finished
    else:
        assert f"checkpoint {saved}/step-9 is damaged (" in said and "the one before it" in said
        assert said.count("\n") == 1


def test_a_damaged_checkpoint_is_not_among_those_that_are_kept(saved):
    """Else two damaged ones would push out the last good one."""
    cut(saved / "step-6.index")
    cut(saved / "step-9.index")
    state = State()
    checkpoints = StageCheckpoints(state, saved)
    assert checkpoints.restore().step == 3
    state.set_to(5)
    checkpoints.save({})
    assert sorted(path.name for path in saved.glob("*.index")) == ["step-3.index", "step-5.index"]
    assert restored(saved).step == 5


def test_where_all_are_damaged_the_stage_does_not_begin_anew(saved):
    for path in saved.glob("*.index"):
        cut(path)
    with pytest.raises(ValueError, match=r"all 3 checkpoints in .*stage are damaged.*from a copy"):
        StageCheckpoints(State(), saved).restore()


def test_a_checkpoint_of_other_networks_is_refused(saved):
    with pytest.raises(ValueError, match=r"checkpoint .*step-9 does not fit this run"):
        StageCheckpoints(State(width=7), saved).restore()


@pytest.mark.parametrize("fails", ["write", "sums"])
def test_a_full_disk_leaves_the_checkpoints_as_they_were(fails, saved, monkeypatch):
    before = {path: path.read_bytes() for path in saved.iterdir()}
    state = State()
    checkpoints = StageCheckpoints(state, saved)
    checkpoints.restore()
    state.step.assign(12)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "write":
        (saved / "step-12.data-00000-of-00001").write_text("half of it")
        monkeypatch.setattr(checkpoints._checkpoint, "write", full)
    else:
        monkeypatch.setattr(checkpoints_module, "replace_text", full)
    with pytest.raises(
        OSError, match=r"step 12 could not be written \(No space left .* continues from step 9"
    ) as error:
        checkpoints.save({})
    assert error.value.errno == errno.ENOSPC
    assert {path: path.read_bytes() for path in saved.iterdir()} == before


class Killed(BaseException):
    """The end of a process: nobody cleans up after it."""


def fails_at(number, error, monkeypatch):
    """Lets `number` small files be written, and no more; nor anything of TensorFlow."""
    write, left = checkpoints_module.replace_text, iter(range(number))

    def replace_text(path, text):
        if next(left, None) is None:
            raise error
        write(path, text)

    monkeypatch.setattr(checkpoints_module, "replace_text", replace_text)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("error", [Killed(), OSError(errno.ENOSPC, "No space left on device")], ids=["killed", "full"])
def test_a_step_that_is_saved_once_more_is_never_lost(error, number, saved, monkeypatch):
    """As where a run goes on at an evaluation; the newest checkpoint is whole wherever it stops."""
    state = State()
    checkpoints = StageCheckpoints(state, saved)
    checkpoints.restore()
    fails_at(number, error, monkeypatch)
    wanted = r"step 9 could not be written .* continues from step 9" if isinstance(error, OSError) else None
    with pytest.raises(type(error), match=wanted):
        checkpoints.save({"epoch": 10})
    assert restored(saved) == (9, {"epoch": 9 if number < 2 else 10})
    monkeypatch.undo()
    for epoch in (11, 12):  # it is as good as any other
        checkpoints.save({"epoch": epoch})
        assert restored(saved) == (9, {"epoch": epoch})
    flip_a_byte(saved / "step-9.json")
    assert restored(saved) == (6, {"epoch": 6})


def test_a_damaged_checkpoint_of_the_same_step_is_written_anew(saved):
    state = State()
    checkpoints = StageCheckpoints(state, saved)
    checkpoints.restore()
    cut(saved / "step-9.index")
    checkpoints.save({"epoch": 10})
    assert restored(saved) == (9, {"epoch": 10})


def test_a_run_directory_that_is_gone_is_not_made_again(tmp_path):
    with pytest.raises(OSError, match=r"step 0 could not be written \(No such file or directory\)"):
        StageCheckpoints(State(), tmp_path / "run" / "checkpoints" / "linear").save({})
    assert not (tmp_path / "run").exists()
