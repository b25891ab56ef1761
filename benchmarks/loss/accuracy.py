"""The error of the gradient against float64 arithmetic, by temperature and input type."""

from __future__ import annotations

import itertools

from tqdm import tqdm

ROWS, VIEWS, WIDTH, CLASSES, TILE = 96, 2, 16, 7, 20
TEMPERATURES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)
TYPES = ("float64", "float32", "bfloat16", "float16")


def run(*, dry_run: bool, quick: bool = False) -> tuple[list[dict], str]:
    """A record for each temperature and type, worst over modes; and the table. Takes seconds, `quick` or not."""
    del quick
    if dry_run:
        return [], f"temperatures {TEMPERATURES}, input types {TYPES}, all modes, N = {ROWS}, tiles of {TILE} rows"
    records = []
    for dtype, temperature in tqdm(list(itertools.product(TYPES, TEMPERATURES)), unit="case", disable=None):
        records.append({"dtype": dtype, "temperature": temperature, "gradient_error": error(dtype, temperature)})
    by_case = {(record["dtype"], record["temperature"]): record["gradient_error"] for record in records}
    lines = ["largest error of the gradient over its largest entry, worst of six modes"]
    lines.append(f"{'tau':>8}" + "".join(f"{dtype:>11}" for dtype in TYPES))
    lines += [f"{tau:>8}" + "".join(f"{by_case[dtype, tau]:>11.1e}" for dtype in TYPES) for tau in TEMPERATURES]
    return records, "\n".join(lines)


def error(dtype: str, temperature: float) -> float:
    """Worst over modes of the largest error of a gradient over its largest entry.

    Exact is the gradient of the whole matrix in float64 by the same, already rounded rows; tests hold that one against
    plain loops and finite differences. A gradient is as fine as its input type: half a unit in the last place is
    2e-3 in bfloat16 and 2e-4 in float16.
    """
    import numpy as np
    import tensorflow as tf

    from supcon_tf import names
    from supcon_tf.losses.supcon import supervised_contrastive_loss

    random = np.random.default_rng(0)
    rows = random.normal(size=[ROWS // VIEWS, VIEWS, WIDTH])
    rows = tf.cast(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype)
    labels = random.integers(-1, CLASSES, ROWS // VIEWS)

    def gradient(rows, **arguments):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            total = tf.reduce_mean(
                supervised_contrastive_loss(labels, rows, temperature=temperature, normalize=False, **arguments)
            )
        return tf.cast(tape.gradient(total, rows), tf.float64).numpy()

    worst = 0.0
    for where, which in itertools.product(names.SUMMATION_LOCATIONS, names.DENOMINATOR_MODES):
        modes = {"summation_location": where, "denominator_mode": which}
        exact, found = gradient(tf.cast(rows, tf.float64), **modes), gradient(rows, tile_rows=TILE, **modes)
        worst = max(worst, float(np.abs(found - exact).max() / np.abs(exact).max()))
    return worst
