"""ResNet v1 in NumPy, float64, in inference: every pixel of every convolution by its own sum.

Written from the paper's text, it reads nothing of a Keras model but its weights, by the names of their layers.
"""

from __future__ import annotations

import numpy as np

BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
EPSILON = 1e-5


def features(model, images, *, depth, stem):
    """Images [B, H, W, channels] to features [B, F]."""
    return np.array([_one_image(model, image.astype("f8"), depth, stem) for image in images])


def trainable_count(depth, *, width, channels, stem):
    """The number of trainable weights: kernels, and a gamma and a beta for each filter."""

    def conv_norm(size, inputs, outputs):
        return size * size * inputs * outputs + 2 * outputs

    repeats = {34: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3), **BLOCKS}[depth]
    inputs = int(64 * width)
    total = conv_norm(7 if stem == "image" else 3, channels, inputs)
    for group in range(4):
        filters = int(64 * 2**group * width)
        outputs = filters if depth < 50 else 4 * filters
        total += conv_norm(1, inputs, outputs)  # The projection shortcut, once a group.
        for _ in range(repeats[group]):
            if depth < 50:
                total += conv_norm(3, inputs, filters) + conv_norm(3, filters, filters)
            else:
                total += conv_norm(1, inputs, filters) + conv_norm(3, filters, filters) + conv_norm(1, filters, outputs)
            inputs = outputs
    return total


def _one_image(model, image, depth, stem):
    if stem == "image":
        x = _max_pool(_relu(_conv_norm(model, image, "stem", stride=2)))
    else:
        x = _relu(_conv_norm(model, image, "stem", stride=1))
    for group, repeats in enumerate(BLOCKS[depth], 1):
        for block in range(1, repeats + 1):
            name = f"group{group}_block{block}"
            stride = 2 if group > 1 and block == 1 else 1
            shortcut = _conv_norm(model, x, f"{name}_shortcut", stride=stride) if block == 1 else x
            strides = (stride, 1) if depth < 50 else (1, stride, 1)
            for number, step in enumerate(strides, 1):
                x = _conv_norm(model, x, name, stride=step, number=number)
                if number < len(strides):
                    x = _relu(x)
            x = _relu(x + shortcut)
    return x.mean(axis=(0, 1))


def _relu(x):
    return np.maximum(x, 0)


def _conv_norm(model, x, name, *, stride, number=""):
    kernel = np.array(model.get_layer(f"{name}_conv{number}").get_weights()[0], "f8")
    gamma, beta, mean, variance = (
        np.array(weight, "f8") for weight in model.get_layer(f"{name}_norm{number}").get_weights()
    )
    return gamma * (_conv(x, kernel, stride) - mean) / np.sqrt(variance + EPSILON) + beta


def _conv(x, kernel, stride):
    """Padded by (k - 1) / 2 on every side; output pixel (i, j) is centred on input pixel (stride i, stride j)."""
    size, margin = len(kernel), len(kernel) // 2
    height, width = (-(-side // stride) for side in x.shape[:2])
    out = np.zeros((height, width, kernel.shape[3]))
    for i in range(height):
        for j in range(width):
            for di in range(size):
                for dj in range(size):
                    row, column = stride * i + di - margin, stride * j + dj - margin
                    if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                        out[i, j] += x[row, column] @ kernel[di, dj]
    return out


def _max_pool(x):
    """3x3, stride 2, TensorFlow's "same": of an even side, window i begins at pixel 2 i; of an odd one, at 2 i - 1."""
    height, width = (-(-side // 2) for side in x.shape[:2])
    first = [side % 2 for side in x.shape[:2]]
    out = np.zeros((height, width, x.shape[2]))
    for i in range(height):
        for j in range(width):
            top, left = 2 * i - first[0], 2 * j - first[1]
            out[i, j] = x[max(top, 0) : top + 3, max(left, 0) : left + 3].max(axis=(0, 1))
    return out
