"""A picture stands as Pillow would set it upright, whatever its note says and wherever it is kept."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.PngImagePlugin
import pytest
import tensorflow as tf

from supcon_tf.data.sets import exif

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)  # no symmetry


def content(kind: str, **options) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


def note(number) -> PIL.Image.Exif:
    made = PIL.Image.Exif()
    made[0x0112] = number
    return made


def with_xmp(kind: str, number: int) -> bytes:
    xmp = f'<rdf tiff:Orientation="{number}"/>'
    if kind == "JPEG":
        segment = b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()
        plain = content("JPEG")
        return plain[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]
    info = PIL.PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    return content("PNG", pnginfo=info)


def upright(encoded: bytes) -> np.ndarray:
    return np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(encoded))))


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept_in", ["Exif", "XMP"])
def test_an_image_is_turned_as_pillow_turns_it(kind, kept_in, number):
    encoded = with_xmp(kind, number) if kept_in == "XMP" else content(kind, exif=note(number))
    assert exif.orientation(encoded) == number
    stored = np.asarray(PIL.Image.open(io.BytesIO(encoded)))
    turned = tf.function(exif.turned)(tf.constant(stored), tf.constant(number, tf.int64))
    np.testing.assert_array_equal(turned, upright(encoded))
    on_its_side = turned.shape[:2] == (7, 5)
    assert on_its_side == (number in exif.ON_THEIR_SIDE)


@pytest.mark.parametrize(
    "encoded",
    [
        content("JPEG"),
        content("PNG"),
        content("JPEG", exif=note(9)),
        content("JPEG", exif=note(0)),
        content("JPEG", exif=b"Exif\0\0no such thing"),
        content("PNG", exif=note(6))[:60],
        b"\xff\xd8\xffExif\0\0",
    ],
)
def test_without_a_note_that_can_be_read_it_stays_as_it_is(encoded):
    assert exif.orientation(encoded) == exif.AS_STORED


def test_the_eight_orientations_are_eight():
    seen = {exif.turned(tf.constant(PIXELS), tf.constant(number)).numpy().tobytes() for number in range(1, 9)}
    assert len(seen) == 8


def test_more_pixels_than_pillow_touches_are_no_upright_image_by_default(monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PIL.Image.DecompressionBombError):
        exif.orientation(content("JPEG", exif=note(6)))
