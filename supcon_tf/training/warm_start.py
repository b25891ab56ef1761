"""The encoder of another run as the start of this one: a classifier on features that were trained before."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from supcon_tf.failures import first_line
from supcon_tf.keras_generations import renew_copies
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import Networks
from supcon_tf.training.checkpoints import newest_whole

ENCODING = tuple(name for name, kind in STAGE_KINDS.items() if kind.encodes)  # a run has one of them


def load_encoder(networks: Networks, run: pathlib.Path) -> pathlib.Path:
    """Gives the encoder the weights and moving averages of the newest whole checkpoint of a run.

    Args:
        networks: whose encoder is changed; made under the strategy that trains it.
        run: directory of a run with an encoder of the same shape, made by the same Keras generation.

    Returns:
        The checkpoint that was read, without the ending of its files.

    Raises:
        ValueError: the directory holds no whole checkpoint of an encoder, or one of another encoder.
    """
    found = filter(None, (newest_whole(run / "checkpoints" / stage) for stage in ENCODING))
    newest = next(found, None)
    if newest is None:
        raise ValueError(
            f"`encoder_from`: no whole checkpoint of an encoder lies in {run}. Name the directory (--workdir) of a run "
            f"that has trained one, in a stage called {', '.join(ENCODING[:-1])} or {ENCODING[-1]}."
        )
    try:
        tf.train.Checkpoint(encoder=networks.encoder).read(
            str(newest)
        ).assert_existing_objects_matched().expect_partial()
        renew_copies(networks.encoder)
    except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"`encoder_from`: the encoder in {newest} is not the one of this run ({first_line(error)}). Give the "
            "fields of `encoder` the values that they have in that run's config.json."
        ) from error
    return newest
