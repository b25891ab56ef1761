"""ResNeXt of the authors' code in NumPy: what it counts, and a grouped convolution as so many plain ones."""

from __future__ import annotations

import numpy as np

REPEATS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}


def trainable_count(depth, *, width, channels, stem, groups):
    """Kernels, and a gamma and a beta for each filter of each convolution."""
    inputs = int(64 * width)
    total = (49 if stem == "image" else 9) * channels * inputs + 2 * inputs
    for group, repeats in enumerate(REPEATS[depth]):
        filters = int(64 * 2**group * width)
        inner, outputs = 2 * filters, 4 * filters
        total += inputs * outputs + 2 * outputs  # the projection shortcut, once a group
        for _ in range(repeats):
            total += inputs * inner + 2 * inner  # 1x1
            total += groups * 9 * (inner // groups) ** 2 + 2 * inner  # each group sees its own inputs alone
            total += inner * outputs + 2 * outputs  # 1x1
            inputs = outputs
    return total


def grouped_conv(x, kernel, *, groups, stride):
    """x [H, W, I] with a kernel [3, 3, I / groups, O], "same": what is missing is padded, the smaller half before."""
    sides = [-(-side // stride) for side in x.shape[:2]]
    missing = [max((out - 1) * stride + 3 - side, 0) for out, side in zip(sides, x.shape[:2])]
    padded = np.pad(x, [(m // 2, m - m // 2) for m in missing] + [(0, 0)])
    out = np.zeros((*sides, kernel.shape[3]))
    for number in range(groups):
        seen = slice(number * x.shape[2] // groups, (number + 1) * x.shape[2] // groups)
        made = slice(number * kernel.shape[3] // groups, (number + 1) * kernel.shape[3] // groups)
        for i in range(sides[0]):
            for j in range(sides[1]):
                patch = padded[stride * i : stride * i + 3, stride * j : stride * j + 3, seen]
                out[i, j, made] = np.tensordot(patch, kernel[..., made], 3)
    return out
