"""A JPEG is turned in a graph as Pillow would turn it."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from supcon_tf.data.sets import exif
from supcon_tf.data.sets.exif_in_graph import orientation_in_graph

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
in_graph = tf.function(orientation_in_graph, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


def jpeg(**options) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(PIXELS).save(file, "jpeg", **options)
    return file.getvalue()


def note(entries, *, order="<", offset=8, kind=3) -> bytes:
    """A note of Exif with these (tag, value), as it stands in a JPEG."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, offset) + b"\0" * (offset - 8)
    one = f"{order}HHI" + ("H2x" if kind == 3 else "I")
    rows = b"".join(struct.pack(one, tag, kind, 1, value) for tag, value in entries)
    return b"Exif\0\0" + head + struct.pack(f"{order}H", len(entries)) + rows + b"\0" * 4


def noted(content: bytes) -> bytes:
    """A JPEG with this note."""
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(content) + 2) + content + jpeg()[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
@pytest.mark.parametrize("number", range(10))
def test_it_is_what_pillow_reads(number, kind, order):
    content = noted(note([(0x010F, 7), (0x0112, number), (0x0128, 2)], order=order, kind=kind, offset=8 + number))
    assert int(in_graph(content)) == exif.orientation(content) == (number if 2 <= number <= 8 else 1)


def test_it_is_found_behind_other_segments():
    options = PIL.Image.Exif()
    options[0x0112] = 6
    content = jpeg(exif=options, icc_profile=b"x" * 200_000, comment=b"Exif\0\0 in a comment")
    assert int(in_graph(content)) == exif.orientation(content) == 6


@pytest.mark.parametrize("filled", [1, 2, 5])
def test_bytes_that_fill_are_passed_over_before_any_marker(filled):
    """As T.81, B.1.1.2, allows; Pillow and the decoders read such files."""
    content, fill = noted(note([(0x0112, 6)])), b"\xff" * filled
    comment = b"\xff\xfe\0\5abc"
    for changed in (content[:2] + fill + content[2:], content[:2] + fill + comment + fill + content[2:]):
        assert int(in_graph(changed)) == exif.orientation(changed) == 6
    assert int(in_graph(b"\xff\xd8" + b"\xff" * 99)) == 1


@pytest.mark.parametrize("content", [
    b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", jpeg(), noted(b"Exif\0\0"), noted(b"Exif\0\0II*\0\xff\xff\xff\xff"),
    noted(note([(0x0112, 6)])[:20]), noted(note([])), b"\xff\xd8\xff\xe1\0\0" + b"\0" * 9, b"text",
    tf.io.encode_png(PIXELS).numpy(),
])  # fmt: skip
def test_without_a_note_or_with_a_damaged_one_it_stays_as_it_is_stored(content):
    assert int(in_graph(content)) == 1
