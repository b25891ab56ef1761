"""Where the random choices of a corruption come from: a counter, keyed by image, corruption and severity.

The authors drew from NumPy's global state, so that nobody can draw their images again. Here an image is the same
whatever was corrupted before it, in whatever order and on whatever machine.
"""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import numpy as np

_REACH = range(-(2**63), 2**64)  # What int64 or uint64 can hold, as data sets and TensorFlow have numbers.


def generator(seed: Any, name: str, severity: int) -> np.random.Generator:
    """The random numbers of one corruption of one image.

    Args:
        seed: an integer, or a pair of them as NumPy's or TensorFlow's array, list or tuple. A number and a pair are
            never the same seed.
        name: of the corruption.
        severity: 1 to 5.

    Returns:
        A generator on Philox (Salmon et al., 2011), whose key is a hash (BLAKE2b) of all three.

    Raises:
        ValueError: the seed is no integer, and no pair of them.

    Example:
        >>> first, again = (generator((7, 0), "fog", 1).random() for _ in range(2))
        >>> first == again, first == generator((7, 1), "fog", 1).random()
        (True, False)
    """
    words = " ".join(map(str, [name, severity, *require_seed(seed)]))
    key = hashlib.blake2b(words.encode("ascii"), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def require_seed(seed: Any) -> list[int]:
    """The seed as one or two Python integers, once it is sure that it is one.

    Args:
        seed: as in `generator`.

    Raises:
        ValueError: as in `generator`.

    Example:
        >>> require_seed(np.array([7, 0]))
        [7, 0]
    """
    try:
        numbers = [
            operator.index(part) for part in (seed if isinstance(seed, (list, tuple)) else np.ravel(seed).tolist())
        ]
    except TypeError:
        numbers = []
    if not 1 <= len(numbers) <= 2 or any(number not in _REACH for number in numbers):
        raise ValueError(
            f"The seed of a corruption is an integer of 64 bits or a pair of them, such as (seed, number); got "
            f"{seed!r}."
        )
    return numbers
