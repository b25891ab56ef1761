"""What each corruption is told at severities 1 to 5, on images of 224 ("large") and of 32 pixels ("small").

Sources, numbers only: `ImageNet-C/imagenet_c/imagenet_c/corruptions.py` ("large") and
`ImageNet-C/create_c/make_cifar_c.py` ("small") of github.com/hendrycks/robustness, the code behind the published sets
of Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (2019).
They are the arguments of the function of that name, after (image, draws). Lengths are in pixels and do not follow the
size of the image.
"""

from __future__ import annotations

# The displacements of "large" were meant for a side of 224; the authors wrote 244, and the published images have it.
_ELASTIC_LARGE = 244
_ELASTIC_SMALL = 32

LARGE = {
    # Standard deviation of what is added, on the [0, 1] scale.
    "gaussian_noise": ((0.08,), (0.12,), (0.18,), (0.26,), (0.38,)),
    # Photons of a white pixel.
    "shot_noise": ((60,), (25,), (12,), (5,), (3,)),
    # Share of values that turn black or white.
    "impulse_noise": ((0.03,), (0.06,), (0.09,), (0.17,), (0.27,)),
    # Radius of the disc, deviation of the Gaussian that softens its rim.
    "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    # Deviation of the Gaussian, how far a pixel is taken from, rounds.
    "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    # Radius and deviation of the half Gaussian along the way.
    "motion_blur": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    # End (left out) and step of the magnifications from 1.
    "zoom_blur": ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    # Mean and deviation of the flakes, magnification, threshold, radius and deviation of the fall, the image's share.
    "snow": (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    # Shares of the image and of the texture.
    "frost": ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    # Share of the fog, divisor of its roughness from one scale to the next.
    "fog": ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    # What is added to the value of HSV.
    "brightness": ((0.1,), (0.2,), (0.3,), (0.4,), (0.5,)),
    # Factor of the distance from the mean.
    "contrast": ((0.4,), (0.3,), (0.2,), (0.1,), (0.05,)),
    # Size of the displacements before they are smoothed, deviation of the smoothing, reach of the affine map.
    "elastic_transform": tuple(
        (_ELASTIC_LARGE * size, _ELASTIC_LARGE * deviation, _ELASTIC_LARGE * affine)
        for size, deviation, affine in (
            (2, 0.7, 0.1),
            (2, 0.08, 0.2),
            (0.05, 0.01, 0.02),
            (0.07, 0.01, 0.02),
            (0.12, 0.01, 0.02),
        )
    ),
    # Share of the sides that is kept.
    "pixelate": ((0.6,), (0.5,), (0.4,), (0.3,), (0.25,)),
    # Quality of the JPEG.
    "jpeg_compression": ((25,), (18,), (15,), (10,), (7,)),
}

SMALL = {
    "gaussian_noise": ((0.04,), (0.06,), (0.08,), (0.09,), (0.10,)),
    "shot_noise": ((500,), (250,), (100,), (75,), (50,)),
    "impulse_noise": ((0.01,), (0.02,), (0.03,), (0.05,), (0.07,)),
    "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    "motion_blur": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "zoom_blur": ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    "snow": (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "frost": ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
    "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "brightness": ((0.05,), (0.1,), (0.15,), (0.2,), (0.3,)),
    "contrast": ((0.75,), (0.5,), (0.4,), (0.3,), (0.15,)),
    "elastic_transform": tuple(
        (_ELASTIC_SMALL * size, _ELASTIC_SMALL * deviation, _ELASTIC_SMALL * affine)
        for size, deviation, affine in (
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        )
    ),
    "pixelate": ((0.95,), (0.9,), (0.85,), (0.75,), (0.65,)),
    "jpeg_compression": ((80,), (65,), (58,), (50,), (40,)),
}

CONSTANTS = {"large": LARGE, "small": SMALL}

# Of how many pixels of a frost texture one is kept, along each side: the authors scale it by 0.2 for "small".
FROST_STEPS = {"large": 1, "small": 5}
