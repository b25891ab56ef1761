"""Several hosts that predict together: the chief measures and says which images are next, the others take part."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Optional

import tensorflow as tf

from supcon_tf.distribution.agreement import texts_of_hosts
from supcon_tf.distribution.strategy import host_count

DONE = "null"


def ask(strategy: tf.distribute.Strategy, what: dict) -> None:
    """Tells the other hosts what is predicted next; the chief calls it, just before it takes its own part.

    Args:
        strategy: over the hosts; where there is one alone, nothing happens.
        what: for JSON.
    """
    if host_count(strategy) > 1:
        texts_of_hosts(strategy, json.dumps(what))


def next_asked(strategy: tf.distribute.Strategy) -> Optional[dict]:
    """What the chief asks for, once it does; None when it is done. The other hosts call it."""
    return json.loads(texts_of_hosts(strategy, DONE)[0])


@contextlib.contextmanager
def leading(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """A block in which the chief may `ask`; the others learn that it is done when it ends, however it does."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(tf.errors.OpError):  # hosts that have failed alike are gone: what happened is told
            _dismiss(strategy)
        raise
    _dismiss(strategy)


def _dismiss(strategy: tf.distribute.Strategy) -> None:
    if host_count(strategy) > 1:
        texts_of_hosts(strategy, DONE)
