"""All hosts of a run do the same, or none does anything."""

from __future__ import annotations

import json

import tensorflow as tf

from supcon_tf import settings
from supcon_tf.distribution.agreement import texts_of_hosts

MAY_DIFFER = ("wait_seconds",)


def agree(strategy: tf.distribute.Strategy, what: str, facts: dict) -> None:
    """Raises on every host, with the differences, where the facts of one are not those of the chief.

    Args:
        strategy: over the hosts; all of them call this at the same point.
        what: what the facts are, for the message: "experiments".
        facts: nested, as JSON has them.

    Raises:
        ValueError: they differ.
    """
    told = [settings.flat(json.loads(text)) for text in texts_of_hosts(strategy, json.dumps(facts))]
    lines = [
        f"{name}: {told[0].get(name, '(absent)')} on the chief, {other.get(name, '(absent)')} on worker {number}"
        for number, other in enumerate(told[1:], 1)
        for name in dict.fromkeys([*told[0], *other])
        if told[0].get(name) != other.get(name) and name not in MAY_DIFFER
    ]
    if lines:
        listed = "\n  ".join(lines)
        raise ValueError(
            f"the hosts of this run have unlike {what}:\n  {listed}\nStart the same command on all of them, with the "
            "same data and software."
        )
