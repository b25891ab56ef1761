"""Arrays as PNG or JPEG data URIs: pictures that live inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image

# Thumbnails are shown at 64 px; larger ones would let a page of ImageNet crops grow past its 3 MB.
THUMBNAIL = 64


def png_uri(pixels: np.ndarray) -> str:
    """A data URI of an image; grey images are written as grey.

    Args:
        pixels: uint8 [H, W, ch] with ch 1 (grey), 3 (RGB) or 4 (RGB and opacity).
    """
    return _uri(pixels, "png", optimize=True)


def jpeg_uri(pixels: np.ndarray) -> str:
    """As `png_uri`, in a fraction of the bytes where pixels are those of a photograph; no opacity."""
    return _uri(pixels, "jpeg", quality=90)


def thumbnail(image: np.ndarray) -> np.ndarray:
    """An image of at most `THUMBNAIL` pixels a side, by averaging whole blocks.

    Args:
        image: float [S, S, ch] in [0, 1]; values outside are clipped, NaN is black. Channels other than 1 or 3 are
            shown by their mean.

    Returns:
        uint8 [s, s, 1 or 3].
    """
    block = -(-max(image.shape[:2]) // THUMBNAIL)
    height, width = (side // block * block for side in image.shape[:2])
    image = image[:height, :width].reshape(height // block, block, width // block, block, -1).mean((1, 3))
    if image.shape[-1] != 3:
        image = image.mean(-1, keepdims=True)
    return (np.clip(np.nan_to_num(image), 0.0, 1.0) * 255).round().astype(np.uint8)


def sheet(rows: np.ndarray) -> np.ndarray:
    """Rows of images as one picture, small images enlarged and all kept apart by a white line.

    Args:
        rows: float [k, n, S, S, ch] in [0, 1], ch = 1 or 3; values outside are clipped.

    Returns:
        uint8 [H, W, ch].
    """
    times, gap = max(1, THUMBNAIL // rows.shape[2]), 2
    pixels = (np.clip(rows, 0.0, 1.0) * 255).round().astype(np.uint8).repeat(times, 2).repeat(times, 3)
    apart = np.pad(pixels, [(0, 0), (0, 0), (gap, 0), (gap, 0), (0, 0)], constant_values=255)  # [k, n, s, s, ch]
    count, columns, side = apart.shape[:3]
    whole = apart.transpose(0, 2, 1, 3, 4).reshape(count * side, columns * side, -1)
    return np.pad(whole, [(0, gap), (0, gap), (0, 0)], constant_values=255)


def heat_map(counts: np.ndarray, *, right: tuple[int, int, int], wrong: tuple[int, int, int]) -> np.ndarray:
    """A confusion matrix as one pixel a cell, for more classes than names can be written.

    The opacity is the cell's share of its row; errors by the square root, so that single ones can be seen.

    Args:
        counts: int [C, C], row = label, column = prediction.
        right: colour of the diagonal.
        wrong: colour of everything else.

    Returns:
        uint8 [C, C, 4].
    """
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)  # [C, C]
    diagonal = np.eye(len(counts), dtype=bool)
    colour = np.where(diagonal[..., None], np.array(right), np.array(wrong))
    opacity = np.where(diagonal, share, np.sqrt(share)) * 255
    return np.concatenate([colour, opacity.round()[..., None]], -1).astype(np.uint8)


def _uri(pixels: np.ndarray, kind: str, **how) -> str:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, kind.upper(), **how)
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode("ascii")
