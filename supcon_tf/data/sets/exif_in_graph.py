"""Which way up a JPEG is, read by operations of TensorFlow alone: for programs that run where this package is not.

The note of Exif is read, where cameras put it; unlike `exif.orientation`, notes of XMP and those of PNG are not.
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from supcon_tf.data.sets.exif import AS_STORED

_EXIF = tuple(b"Exif\0\0")
_FILL = 0xFF  # so may a marker be preceded, by any number of them (T.81, B.1.1.2)
_APP1, _SCAN = 0xE1, 0xDA  # markers of a segment for Exif, and of the pixels, after which no segment is looked for
_TAG, _LONG = 0x0112, 4  # the tag of the orientation; a number of 32 bits, where it is usually one of 16
_INTEL = 0x4949  # "II": numbers begin with their last byte

_Read = Callable[[tf.Tensor], tf.Tensor]  # places int64, any shape -> numbers there, int64


def orientation_in_graph(content: tf.Tensor) -> tf.Tensor:
    """How the pixels of a file must be turned (`exif.turned`).

    Args:
        content: bytes [], of any image.

    Returns:
        int64 []: 2 to 8 where a JPEG has such a note; else 1, also where the note is damaged.

    Example:
        >>> int(orientation_in_graph(tf.io.encode_jpeg(tf.zeros([2, 3, 3], tf.uint8))))
        1
    """
    values = tf.concat([tf.io.decode_raw(content, tf.uint8), tf.zeros([1], tf.uint8)], 0)
    last = tf.size(values, tf.int64) - 1

    def byte(places: tf.Tensor) -> tf.Tensor:  # past the end of a damaged file all is 0
        return tf.cast(tf.gather(values, tf.clip_by_value(places, 0, last)), tf.int64)

    found = _start_of_note(byte, last)
    number = tf.cond(found > 0, lambda: _noted(byte, found), lambda: tf.constant(AS_STORED, tf.int64))
    return tf.where((number >= 2) & (number <= 8), number, AS_STORED)


def _start_of_note(byte: _Read, last: tf.Tensor) -> tf.Tensor:
    """The place where the note's own bytes begin, int64 []; 0 where there is none."""
    jpeg = (_number(byte, tf.constant(0, tf.int64), 2) == 0xFFD8) & (byte(tf.constant(2, tf.int64)) == 0xFF)

    def is_segment(place: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        inside = (place < last) & (byte(place) == 0xFF) & (byte(place + 1) != _SCAN)
        return jpeg & inside & (found == 0)

    def next_segment(place: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        begins = byte(place + 4 + tf.range(len(_EXIF), dtype=tf.int64)) == tf.constant(_EXIF, tf.int64)
        is_note = (byte(place + 1) == _APP1) & tf.reduce_all(begins)
        length = tf.maximum(_number(byte, place + 2, 2), 2)  # a length below that is damage, and would never end
        onward = tf.where(byte(place + 1) == _FILL, tf.constant(1, tf.int64), 2 + length)
        return place + onward, tf.where(is_note, place + 4 + len(_EXIF), found)

    return tf.while_loop(is_segment, next_segment, [tf.constant(2, tf.int64), tf.constant(0, tf.int64)])[1]


def _noted(byte: _Read, start: tf.Tensor) -> tf.Tensor:
    """The orientation in the first directory of a note, int64 []; 1 where it has none (TIFF 6.0, section 2)."""
    intel = _number(byte, start, 2) == _INTEL

    def number(place: tf.Tensor, size: int) -> tf.Tensor:
        return tf.where(intel, _number(byte, place, size, backwards=True), _number(byte, place, size))

    directory = start + number(start + 4, 4)
    entries = directory + 2 + 12 * tf.range(number(directory, 2))  # [n]
    values = tf.where(number(entries + 2, 2) == _LONG, number(entries + 8, 4), number(entries + 8, 2))  # [n]
    oriented = tf.boolean_mask(values, number(entries, 2) == _TAG)
    return tf.concat([tf.constant([AS_STORED], tf.int64), oriented], 0)[-1]


def _number(byte: _Read, place: tf.Tensor, size: int, *, backwards: bool = False) -> tf.Tensor:
    """The whole number of `size` bytes at each place."""
    steps = reversed(range(size)) if backwards else range(size)
    total = tf.zeros_like(place)
    for step in steps:
        total = total * 256 + byte(place + step)
    return total
