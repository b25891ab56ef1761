"""Trained networks in ONNX, where tf2onnx is installed: for runtimes that know no TensorFlow."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Callable

import tensorflow as tf

from supcon_tf.failures import first_line
from supcon_tf.keras_generations import give_weights
from supcon_tf.networks.networks import build_networks
from supcon_tf.run.context import own_state
from supcon_tf.run.restored import Restored

OPSET = 15  # of ONNX 1.10 (2021): old enough for the runtimes in use, new enough for the networks


def write_onnx(trained: Restored, models: dict[str, tuple[Callable, str]], folder: pathlib.Path) -> dict[str, str]:
    """Writes `NAME.onnx` for each model: whitened images float32 [B, S, S, ch] to what it gives.

    Where tf2onnx is not installed or fails, one line says so and nothing is written.

    Args:
        trained: the run.
        models: by name, from a run to its Keras model, and what that gives: "features" or "logits".
        folder: that is written to.

    Returns:
        Names of the files, and what each is.

    Raises:
        OSError: a file cannot be written.
        MemoryError: the networks need more than there is.
    """
    try:
        contents = {name: _converted(in_float32(trained), *of) for name, of in models.items()}
    except (OSError, MemoryError):
        raise
    except ImportError as error:
        print(f"no ONNX file is written: {error}. Install it by pip install '.[onnx]'.", flush=True)
        return {}
    except Exception as error:  # whatever the converter comes up with: the other files are none the worse for it
        print(f"no ONNX file is written: tf2onnx cannot convert the networks ({first_line(error)}).", flush=True)
        return {}
    for name, content in contents.items():
        (folder / f"{name}.onnx").write_bytes(content)
    return {f"{name}.onnx": f"ONNX, opset {OPSET}: whitened images to {gives}" for name, (_, gives) in models.items()}


def in_float32(trained: Restored) -> Restored:
    """The same weights in networks that compute in float32: the converter knows no bfloat16."""
    experiment = dataclasses.replace(trained.experiment, precision="float32")
    if experiment == trained.experiment:
        return trained
    with own_state(experiment):
        networks = build_networks(
            dataclasses.replace(experiment.encoder, weights=""),
            experiment.projection,
            image_shape=tuple(trained.image["shape"]),
            classes=len(trained.class_names),
        )
    for name, part in networks.parts().items():
        give_weights(part, trained.networks.parts()[name].get_weights())
    return dataclasses.replace(trained, experiment=experiment, networks=networks)


def _converted(trained: Restored, make: Callable, gives: str) -> bytes:
    """A model in ONNX."""
    import tf2onnx  # an extra, and slow to load

    with own_state(trained.experiment):
        model = make(trained)
    signature = [tf.TensorSpec([None, *trained.image["shape"]], tf.float32, "images")]

    @tf.function(input_signature=signature, autograph=False)
    def answer(images):
        return {gives: model(images, training=False)}

    converted, _ = tf2onnx.convert.from_function(answer, input_signature=signature, opset=OPSET)
    return converted.SerializeToString()
