"""Reading a set by ranges gives what reading it whole gives, across files, splits and parts of them."""

from __future__ import annotations

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from supcon_tf.data.sets.tfds_records import Records
from tests.data.conftest import NumberedGrey

DECODERS = {"image": tfds.decode.SkipDecoding()}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """40 training images in 3 files, 13 test images in 3."""
    data_dir = str(tmp_path_factory.mktemp("files"))
    made = NumberedGrey(data_dir=data_dir)
    made.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3, try_download_gcs=False))
    return made


def read(builder, splits, first, end):
    records = Records(builder, splits).between(tf.constant(first), tf.constant(end), decoders=DECODERS)
    return [int(tf.io.decode_png(example["image"]).numpy().max()) for example in records]


@pytest.mark.parametrize(
    "splits, numbers",
    [
        ("train", range(40)),
        ("train[7:31]", range(7, 31)),
        ("test+train[:50%]", [*range(100, 113), *range(20)]),
        ("train[38:]+train[:2]", [38, 39, 0, 1]),
    ],
)
def test_ranges_are_slices_of_the_whole(builder, splits, numbers):
    numbers = list(numbers)
    count = len(numbers)
    assert read(builder, splits, 0, count) == numbers
    for first, end in [(0, 1), (count // 2, count), (1, count - 1), (count - 1, count), (2, 2), (0, 0), (count, count)]:
        assert read(builder, splits, first, end) == numbers[first:end]
