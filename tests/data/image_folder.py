"""A folder of images as people have them: every kind that is read, and files that are no images."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import PIL.Image

# 8 x 6 pixels; Pillow's mode, the file's name, and what Pillow is told. Two are called what they are not.
GOOD = [
    ("RGB", "rgb.png", {}),
    ("L", "grey.png", {}),
    ("RGBA", "opacity.png", {}),
    ("P", "palette.png", {}),
    ("1", "bits.png", {}),
    ("RGB", "rgb.jpg", {"quality": 95}),
    ("L", "grey.JPEG", {"quality": 95}),
    ("CMYK", "cmyk.jpg", {"quality": 95}),
    ("RGB", "progressive.jpg", {"progressive": True}),
    ("RGB", "png_in_truth.jpg", {"format": "PNG"}),
    ("RGB", "web.webp", {"lossless": True}),
    ("RGB", "web_in_truth.jpg", {"format": "WEBP", "lossless": True}),
    ("P", "palette.gif", {}),
    ("P", "palette.bmp", {}),
    ("RGB", "scan.TIFF", {}),
]
BROKEN = ("cut.jpg", "cut.png", "empty.png", "gone.jpg", "text.jpg")


def picture(seed: int, size=(8, 6)) -> PIL.Image.Image:
    """A smooth coloured image, which JPEG keeps well."""
    coarse = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), np.uint8)
    return PIL.Image.fromarray(coarse).resize(size, PIL.Image.Resampling.BILINEAR)


def write_every_kind(folder: pathlib.Path) -> None:
    """One class of good images, and one pixel of its own."""
    folder.mkdir(parents=True)
    for number, (mode, name, options) in enumerate(GOOD):
        picture(number).convert(mode).save(folder / name, **options)
    picture(99, size=(1, 1)).save(folder / "pixel.png")


def write_broken(folder: pathlib.Path) -> None:
    """What is left of images after accidents; beside it, what is none of our business."""
    content = {}
    for suffix in ("jpg", "png"):
        picture(7, size=(64, 64)).save(folder / f"cut.{suffix}")
        content[suffix] = (folder / f"cut.{suffix}").read_bytes()
        (folder / f"cut.{suffix}").write_bytes(content[suffix][: len(content[suffix]) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not an image")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "notes.txt").write_text("ignored")
    (folder / ".hidden.png").write_bytes(b"ignored")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")  # Reading it would wait for ever.


def write_plain(folder: pathlib.Path, count: int, first: int = 0, size=(8, 8)) -> None:
    """Images whose every pixel is their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        PIL.Image.new("RGB", size, (number,) * 3).save(folder / f"{number:03}.png")
