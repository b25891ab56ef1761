"""Every kind of file becomes the RGB image that Pillow would show, by whichever of the two reads it."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf

from supcon_tf.data.sets import image_files
from tests.data import image_folder
from tests.data.sets.test_exif import note

SMOOTH = image_folder.picture(3, size=(12, 8))


def saved(image: PIL.Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def by_pillow(content: bytes) -> np.ndarray:
    return np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(content))).convert("RGB"))


def decoded(content: bytes) -> np.ndarray:
    """In a graph, with the way that the check would have noted."""
    way = tf.constant(image_files.examine(content).way, tf.int64)
    return tf.function(image_files.decode)(tf.constant(content), way).numpy()


OTHERS = {
    "bmp": saved(SMOOTH, "BMP"),
    "bmp of 8 bits": saved(SMOOTH.convert("P"), "BMP"),
    "bmp of 1 bit": saved(SMOOTH.convert("1"), "BMP"),
    "gif": saved(SMOOTH, "GIF"),
    "moving gif": saved(SMOOTH, "GIF", save_all=True, append_images=[SMOOTH.rotate(180)]),
    "gif with transparency": saved(SMOOTH.convert("P"), "GIF", transparency=3),
    "webp": saved(SMOOTH, "WEBP", lossless=True),
    "webp on its side": saved(SMOOTH, "WEBP", lossless=True, exif=note(6)),
    "webp with opacity": saved(SMOOTH.convert("RGBA"), "WEBP", lossless=True),
    "tiff": saved(SMOOTH, "TIFF"),
    "tiff on its side": saved(SMOOTH, "TIFF", tiffinfo={0x0112: 6}),
    "tiff, compressed": saved(SMOOTH, "TIFF", compression="tiff_lzw"),
    "tiff of cmyk": saved(SMOOTH.convert("CMYK"), "TIFF"),
    "tiff with pages": saved(SMOOTH, "TIFF", save_all=True, append_images=[SMOOTH.rotate(180)]),
    "ppm": saved(SMOOTH, "PPM"),
    "pgm": saved(SMOOTH.convert("L"), "PPM"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_tensorflow_does_not_read_pillow_does(kind):
    content, image = OTHERS[kind], image_files.examine(OTHERS[kind])
    assert image.way == image_files.BY_PILLOW
    expected = by_pillow(content)
    np.testing.assert_array_equal(decoded(content), expected)
    assert (image.height, image.width) == expected.shape[:2]


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_jpeg_and_png_stand_upright(kind, number):
    content = saved(SMOOTH, kind, exif=note(number), **({"quality": 95} if kind == "JPEG" else {}))
    image, expected = image_files.examine(content), by_pillow(content)
    assert image.way == number and (image.height, image.width) == expected.shape[:2]
    assert np.abs(decoded(content).astype(int) - expected).max() <= (0 if kind == "PNG" else 12)


def test_the_way_of_a_content_can_be_found_out_in_a_graph():
    for content, way in [(OTHERS["webp"], 0), (saved(SMOOTH, "PNG"), 1), (saved(SMOOTH, "JPEG", exif=note(8)), 8)]:
        assert image_files.way_of(tf.constant(content)) == way
        assert tf.function(image_files.way_of)(tf.constant(content)) == way


def test_a_jpeg_that_tensorflow_cannot_read_and_pillow_can_is_read(monkeypatch):
    def refuse(*_, **__):
        raise tf.errors.InvalidArgumentError(None, None, "arithmetic coding")

    content = saved(SMOOTH, "JPEG", exif=note(6))
    monkeypatch.setattr(tf.io, "decode_image", refuse)
    image = image_files.examine(content)
    assert image.way == image_files.BY_PILLOW and (image.height, image.width) == (12, 8)
    np.testing.assert_array_equal(image_files.decode(tf.constant(content), tf.constant(0)), by_pillow(content))


def deep(peak: int, kind: str = "PNG") -> bytes:
    """A ramp of 16 bits a channel, from 0 to `peak`."""
    ramp = np.linspace(0, peak, 96).round().astype(np.uint16).reshape(8, 12)
    return saved(PIL.Image.fromarray(ramp), kind)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_of_16_bits_the_upper_8_are_kept_and_the_greatest_value_is_known(kind):
    for peak in (4095, 65535):
        content = deep(peak, kind)
        assert image_files.examine(content).peak == peak
        ramp = np.linspace(0, peak, 96).round().astype(int).reshape(8, 12, 1)
        assert np.abs(decoded(content) - ramp / 257).max() <= 1
    assert image_files.examine(saved(SMOOTH, "PNG")).peak == 0


def test_opacity_has_no_part_in_the_greatest_value():
    pixels = tf.concat([tf.fill([4, 4, 3], 100), tf.fill([4, 4, 1], 65535)], -1)
    content = tf.io.encode_png(tf.cast(pixels, tf.uint16)).numpy()
    assert image_files.examine(content).peak == 100


@pytest.mark.parametrize(
    "content, message",
    [
        (b"text", "neither TensorFlow nor Pillow knows what it is"),
        (b"\xff\xd8\xff nothing more", "Invalid JPEG data"),
        (saved(SMOOTH, "PNG")[:60], "Invalid PNG"),
        (saved(SMOOTH, "BMP")[:90], "truncated"),
        (saved(PIL.Image.new("F", (4, 4)), "TIFF"), "32 bits and no known range: store 8 or 16"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(content, message):
    with pytest.raises(ValueError, match=message) as error:
        image_files.examine(content)
    assert "\n" not in str(error.value) and "{{" not in str(error.value)


def test_a_lack_of_memory_is_no_broken_file(monkeypatch):
    def exhausted(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(tf.io, "decode_image", exhausted)
    with pytest.raises(MemoryError, match="OOM when allocating"):
        image_files.examine(saved(SMOOTH, "PNG"))
