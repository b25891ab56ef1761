"""Embeddings drawn in two dimensions."""

from __future__ import annotations

import numpy as np

FEWEST = 4  # embeddings that can be projected


def project(embeddings: np.ndarray, *, limit: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """t-SNE of a random sample of rows (van der Maaten and Hinton, JMLR 2008).

    Runs on one thread: several would add in an order of their own, and the same run would not give the same picture.

    Args:
        embeddings: float [n, F], finite, n >= 4, F >= 2.
        limit: rows to keep; 1,000 take about 3 seconds.
        seed: decides the sample; the layout starts from the principal components and is not random.

    Returns:
        int [min(n, limit)] numbers of the rows kept, ascending, and float32 [min(n, limit), 2] their places.

    Raises:
        ValueError: fewer than four rows or two columns, or values that are not finite.
    """
    if len(embeddings) < FEWEST or embeddings.shape[1] < 2:
        raise ValueError(
            f"A projection needs at least {FEWEST} embeddings of 2 dimensions; got shape {embeddings.shape}."
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("Embeddings must be finite to be projected; some are NaN or infinite.")
    # Imported here: scikit-learn takes a second to load, and a report without embeddings does not need it.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    rows = np.sort(np.random.default_rng(seed).permutation(len(embeddings))[:limit])
    sample = embeddings[rows].astype(np.float64)
    left, scale, _ = np.linalg.svd(sample - sample.mean(0), full_matrices=False)
    components = (left * scale)[:, :50]  # Sec. 4 of the paper: 50 principal components first, for speed.
    start = components[:, :2] / max(components[:, 0].std(), np.finfo(np.float64).tiny) * 1e-4
    perplexity = min(30.0, (len(rows) - 1) / 3)
    tsne = TSNE(init=start.astype(np.float32), learning_rate="auto", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):
        return rows, tsne.fit_transform(components)
