"""Frost on the window: a texture is added to the image, from pictures of frost or generated.

The published images have textures of the authors, which are theirs and do not come with this package: five of the
pictures in `ImageNet-C/imagenet_c/imagenet_c/frost/` of github.com/hendrycks/robustness. A sixth lies there and was
never drawn. With a folder that holds them frost is the published corruption; without one a texture is generated.
"""

from __future__ import annotations

import os
import pathlib
from typing import Optional, Union

import numpy as np
from PIL import Image, UnidentifiedImageError

from supcon_tf.augment.corruptions.fog import cloud_side, plasma
from supcon_tf.augment.corruptions.levels import grey, level_below, unit
from supcon_tf.augment.corruptions.motion import smeared
from supcon_tf.paths import expanded, shown

Folder = Union[str, os.PathLike]

PUBLISHED = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_GLASS, _ICE = (0.10, 0.13, 0.18), (0.90, 0.95, 1.00)  # Colours of the generated texture where it is clear and thick.


def frost(
    image: np.ndarray,
    draws: np.random.Generator,
    image_share: float,
    texture_share: float,
    *,
    textures: Optional[list] = None,
) -> np.ndarray:
    """The weighted sum of the image and a random window of a random texture.

    Args:
        image: uint8 [H, W, ch].
        draws: which texture, and where.
        image_share, texture_share: weights; they need not sum to 1.
        textures: uint8 [h, w, 3] each, as `load_textures` has them; None generates one.

    Returns:
        uint8 [H, W, ch]. A grey image has the luma of the texture.

    Example:
        >>> white = np.full([40, 50, 3], 255, np.uint8)
        >>> frost(np.zeros([8, 8, 3], np.uint8), np.random.default_rng(0), 1, 0.4, textures=[white]).max().item()
        102
    """
    height, width, channels = image.shape
    if textures is None:
        texture = generated(height, width, draws)
    else:
        texture = window(textures[draws.integers(len(textures))], height, width, draws)
    added = unit(texture) if channels == 3 else grey(unit(texture))
    return level_below(image_share * unit(image) + texture_share * added)


def window(texture: np.ndarray, height: int, width: int, draws: np.random.Generator) -> np.ndarray:
    """A random part of a texture. One that is smaller than the image goes on as its mirror image.

    Args:
        texture: uint8 [h, w, ch].
        height, width: H, W of the part.
        draws: where.

    Returns:
        uint8 [H, W, ch].

    Example:
        >>> window(np.zeros([40, 50, 3], np.uint8), 32, 64, np.random.default_rng(0)).shape
        (32, 64, 3)
    """
    missing = [max(side - has, 0) for side, has in zip((height, width), texture.shape)]
    if any(missing):  # Without, `np.pad` would copy the whole texture.
        texture = np.pad(texture, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")
    top, left = (int(draws.integers(max(has - side, 1))) for side, has in zip((height, width), texture.shape))
    return texture[top : top + height, left : left + width]


def load_textures(frost_dir: Folder, *, step: int = 1) -> list:
    """The pictures of a folder: the five published ones where all of them are there, else every picture in it.

    Args:
        frost_dir: a folder of this machine.
        step: of how many pixels one is kept along each side; 5 is what OpenCV's linear scaling by 0.2 leaves.

    Returns:
        uint8 [h, w, 3] each, in order of their names.

    Raises:
        ValueError: there is no such folder, it has no pictures, or one of them cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (50, 40)).save(f"{folder}/mine.png")
        ...     [texture.shape for texture in load_textures(folder, step=5)]
        [(8, 10, 3)]
    """
    names = _pictures(frost_dir)
    if not names:
        raise ValueError(
            f"The frost textures are to come from '{shown(str(frost_dir))}', but that is no folder with pictures in "
            f"it. Put {', '.join(PUBLISHED)} of github.com/hendrycks/robustness there, or leave `frost_dir` out: then "
            "a texture is generated, and frost is not the published corruption."
        )
    return [_texture(pathlib.Path(expanded(os.fspath(frost_dir))) / name, step) for name in names]


def has_published(frost_dir: Optional[Folder]) -> bool:
    """Whether a folder has pictures of the names of the authors' textures.

    Example:
        >>> has_published(None)
        False
    """
    return frost_dir is not None and _pictures(frost_dir) == list(PUBLISHED)


def generated(height: int, width: int, draws: np.random.Generator) -> np.ndarray:
    """A texture of this package's own: ridges of a cloud, and needles of ice in three directions.

    It is not the published one, and numbers on it are not comparable with published ones.

    Args:
        height, width: H, W.
        draws: all of it.

    Returns:
        uint8 [H, W, 3], bluish.

    Example:
        >>> generated(4, 6, np.random.default_rng(0)).shape
        (4, 6, 3)
    """
    side = cloud_side(height, width)
    ridges = 1.0 - np.abs(2.0 * plasma(side, 1.6, draws)[:height, :width, None] - 1.0)  # [H, W, 1]
    patches = plasma(side, 2.0, draws)[:height, :width, None]
    sparks = (draws.random([height, width, 3]) < 0.03).astype(np.float64)  # [H, W, 3], a direction each
    angles = draws.uniform(0.0, 180.0) + np.array([0.0, 60.0, 120.0])
    needles = sum(smeared(sparks[..., place, None], 6, 5.0, angle) for place, angle in enumerate(angles))
    thickness = np.clip(0.7 * ridges**2 * patches + 4.0 * needles * patches, 0.0, 1.0)  # [H, W, 1]
    return level_below(np.array(_GLASS) + thickness * (np.array(_ICE) - np.array(_GLASS)))


def _pictures(frost_dir: Folder) -> list:
    """Names of the pictures that are drawn from, sorted; none where there is no such folder."""
    folder = expanded(os.fspath(frost_dir))
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    if set(PUBLISHED) <= set(names):
        return list(PUBLISHED)
    return [name for name in names if name.lower().endswith(_PICTURES)]


def _texture(path: pathlib.Path, step: int) -> np.ndarray:
    """One picture, uint8 [h, w, 3]."""
    try:
        with Image.open(path) as picture:
            pixels = np.array(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise ValueError(
            f"The frost texture '{shown(str(path))}' cannot be read as a picture: {error}. Replace it, or take it out."
        ) from error
    start = step // 2 if min(pixels.shape[:2]) > step // 2 else 0
    return pixels[start::step, start::step]
