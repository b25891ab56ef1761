"""What every source promises: its splits by name, labels that may be replaced, and failures told by who knows."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.source import reading


@pytest.fixture
def grey(numbered_dir):
    return load_source("numbered_grey", numbered_dir)


class Knowing:
    """Says of an error what it was told."""

    def __init__(self, told):
        self._told = told

    def explain(self, error):
        return self._told and f"{self._told}: {error.message}"


def test_unknown_splits_are_refused(grey):
    with pytest.raises(ValueError, match=r"no split 'validation'; it has 'train', 'test'"):
        grey.arrays("validation")


def test_a_restricted_set_has_its_images_and_the_whole_test(grey):
    some = grey.restricted(np.array([3, 5, 8])).restricted(np.array([0, 2]))
    assert some.facts.train_examples == 2 and some.labels("train").tolist() == [3, 0]
    assert [int(some.decode(image).numpy().max()) for image, _ in some.stream("train")] == [3, 8]
    assert len(some.labels("test")) == 13 and grey.count("train") == 40


def test_replaced_labels_are_seen_by_every_reader(grey):
    replaced = np.full(40, -1)
    replaced[1] = 3
    noisy = grey.relabelled(replaced)
    assert noisy.labels("train")[:3].tolist() == [0, 3, 2] and grey.labels("train")[1] == 1
    assert [int(label) for _, label in noisy.stream("train").take(3)] == [0, 3, 2]
    assert int(noisy.fetch("train")(tf.constant(1, tf.int64))[1]) == 3
    assert noisy.labels("test").tolist() == grey.labels("test").tolist()


def test_what_has_no_label_is_given_none(grey, monkeypatch):
    """As in semi-supervised sets, whose noise is drawn for every image."""
    stored = np.where(np.arange(40) < 2, -1, grey.labels("train"))
    monkeypatch.setattr(grey, "_labels", lambda split: stored)
    pairs = tf.data.Dataset.zip(
        (grey.stream("train").map(lambda image, _: image), tf.data.Dataset.from_tensors(stored).unbatch())
    )
    monkeypatch.setattr(grey, "_stream", lambda split, first, end: pairs)
    noisy = grey.relabelled(np.full(40, 3))
    assert noisy.labels("train").tolist() == [-1, -1, *[3] * 38]
    assert [int(label) for _, label in noisy.stream("train").take(3)] == [-1, -1, 3]
    assert int(noisy.fetch("train")(tf.constant(1, tf.int64))[1]) == -1


def test_a_failure_that_the_source_knows_is_an_error_of_the_system():
    with pytest.raises(OSError, match="a file went: lost") as error, reading(Knowing("a file went")):
        raise tf.errors.DataLossError(None, None, "lost")
    assert error.value.errno == errno.EIO and isinstance(error.value.__cause__, tf.errors.DataLossError)


def test_a_failure_that_it_does_not_know_stays_what_it_is():
    with pytest.raises(tf.errors.InvalidArgumentError, match="of ours"), reading(Knowing("")):
        raise tf.errors.InvalidArgumentError(None, None, "of ours")


def test_a_lack_of_memory_is_nothing_that_it_is_asked_about():
    with pytest.raises(tf.errors.ResourceExhaustedError), reading(Knowing("a file went")):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")


def test_an_error_that_names_a_file_of_odd_bytes_is_told_escaped():
    with pytest.raises(OSError, match=r"a file went: caf\\xe9; No such file"), reading(Knowing("a file went")):
        b"caf\xe9; No such file".decode("utf-8")


def test_memory_that_does_not_suffice_to_hold_a_set_is_said_with_what_to_do(grey, monkeypatch):
    def exhausted(split):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(grey, "_labels", exhausted)
    with pytest.raises(MemoryError, match=r"out of memory in reading numbered_grey .*data\.train_split=train\[:50%\]"):
        grey.labels("train")
