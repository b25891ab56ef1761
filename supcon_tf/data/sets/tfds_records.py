"""Examples of a TFDS set by their place in its files, so that any part of it is read without what stands before."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds


class Records:
    """The serialized examples of some splits, file after file.

    Args:
        builder: of a prepared set.
        splits: TFDS splits, such as "train" or "train+validation[:10%]".
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, splits: str):
        self._builder, self._splits = builder, splits
        files = builder.info.splits[splits].file_instructions
        self._paths = [os.fspath(file.filename) for file in files]
        self._skipped = np.array([file.skip for file in files], np.int64)
        self._starts = np.cumsum([0, *(file.take for file in files)]).astype(np.int64)  # of each file, and the end

    def between(self, first: tf.Tensor, end: tf.Tensor, *, decoders: dict) -> tf.data.Dataset:
        """Examples first .. end - 1, none where first = end, as dictionaries; `decoders` as for `tfds.load`."""
        if self._builder.info.file_format != tfds.core.FileFormat.TFRECORD:
            return self._whole(decoders).skip(first).take(end - first)
        starts, skipped, paths = (tf.constant(array) for array in (self._starts, self._skipped, self._paths))
        first, end = tf.cast(first, tf.int64), tf.cast(end, tf.int64)

        def of_file(file: tf.Tensor) -> tf.data.Dataset:
            begin = tf.maximum(first, starts[file])
            count = tf.maximum(tf.minimum(end, starts[file + 1]) - begin, 0)
            return tf.data.TFRecordDataset(paths[file]).skip(skipped[file] + begin - starts[file]).take(count)

        file_of_first, file_of_last = (
            tf.searchsorted(starts, [number], side="right", out_type=tf.int64)[0] - 1 for number in (first, end - 1)
        )
        records = tf.data.Dataset.range(file_of_first, file_of_last + 1).flat_map(of_file)
        # A file that was cut between two records would end its part of the stream in silence.
        records = records.apply(tf.data.experimental.assert_cardinality(end - first))
        return records.map(lambda record: self._builder.info.features.deserialize_example(record, decoders=decoders))

    def _whole(self, decoders: dict) -> tf.data.Dataset:
        """Other file formats than TFRecord, which TFDS reads from their beginning only."""
        config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
        return self._builder.as_dataset(split=self._splits, shuffle_files=False, read_config=config, decoders=decoders)
