"""Trained networks as others use them: Keras models of whitened images, and programs from pixels or files to answers.

A program is a SavedModel with two signatures, and needs nothing but TensorFlow:

    serving_default   images: uint8 [B, height, width, ch]
    jpeg              encoded: string [B], each the bytes of a JPEG or PNG

Both give `features` float32 [B, F], and where there is a classifier `probabilities` float32 [B, C] and `label_names`
string [B], the name of the likeliest class.
"""

from __future__ import annotations

import functools
from typing import Callable

import tensorflow as tf

from supcon_tf.augment.color import whiten
from supcon_tf.augment.evaluation_crops import evaluation_crop
from supcon_tf.data.sets.exif import turned
from supcon_tf.data.sets.exif_in_graph import orientation_in_graph
from supcon_tf.keras_generations import tensorflow_variable
from supcon_tf.layers.normalization import UnitNorm
from supcon_tf.run.restored import Restored


def encoder_model(trained: Restored) -> tf.keras.Model:
    """The encoder: whitened images float32 [B, S, S, ch] to features float32 [B, F], as the run's heads saw them.

    Its weights are those of the run's networks, not copies. The run's precision policy must hold.

    Example:
        >>> from supcon_tf.config import Encoder, Experiment, Projection, Stage
        >>> from supcon_tf.networks.networks import build_networks
        >>> networks = build_networks(Encoder(width=0.0625), Projection(), image_shape=(8, 8, 1), classes=2)
        >>> image = {"shape": [8, 8, 1], "crop": "crop_then_resize", "padding": 0, "mean": [0.5], "std": [0.5]}
        >>> trained = Restored(Experiment(joint=Stage(epochs=1)), networks, None, image, ("no", "yes"))
        >>> encoder_model(trained)(tf.zeros([4, 8, 8, 1])).shape
        TensorShape([4, 32])
    """
    return tf.keras.Model(trained.networks.encoder.input, _features(trained), name="encoder")


def classifier_model(trained: Restored) -> tf.keras.Model:
    """Encoder and classifier: whitened images float32 [B, S, S, ch] to logits float32 [B, C]; else as `encoder_model`.

    Example:
        >>> from supcon_tf.config import Encoder, Experiment, Projection, Stage
        >>> from supcon_tf.networks.networks import build_networks
        >>> networks = build_networks(Encoder(width=0.0625), Projection(), image_shape=(8, 8, 1), classes=2)
        >>> image = {"shape": [8, 8, 1], "crop": "crop_then_resize", "padding": 0, "mean": [0.5], "std": [0.5]}
        >>> trained = Restored(Experiment(joint=Stage(epochs=1)), networks, None, image, ("no", "yes"))
        >>> classifier_model(trained)(tf.zeros([4, 8, 8, 1])).shape
        TensorShape([4, 2])
    """
    logits = trained.networks.classifier(_features(trained))
    return tf.keras.Model(trained.networks.encoder.input, logits, name="classifier")


def _features(trained: Restored):
    """The symbolic features of the encoder: of unit length where the run has them so, float32 in any case."""
    unit = trained.experiment.encoder.normalize_features
    last = UnitNorm if unit else functools.partial(tf.keras.layers.Activation, "linear", dtype="float32")
    return last(name="float32_features")(trained.networks.encoder.output)


def save_program(trained: Restored, path: str, *, classify: bool) -> None:
    """Writes a SavedModel that needs neither this package nor Keras.

    Args:
        trained: the run.
        path: of the directory, as TensorFlow can spell it.
        classify: with the classifier's answers.

    Raises:
        OSError, tf.errors.OpError: it cannot be written.
    """
    module, answer, open_image = tf.Module(), _answer(trained, classify), _opener(trained)
    parts = [trained.networks.encoder, *([trained.networks.classifier] if classify else [])]
    # The variables alone, without the layers around them: what loads them needs no classes for those.
    module.weights = [tensorflow_variable(variable) for part in parts for variable in part.variables]
    _, _, channels = trained.image["shape"]
    sides = trained.image["shape"][:2] if trained.image["crop"] == "identity" else [None, None]

    @tf.function(input_signature=[tf.TensorSpec([None, *sides, channels], tf.uint8, "images")], autograph=False)
    def of_images(images):
        return answer(_each(_prepared(trained), images, trained))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "encoded")], autograph=False)
    def of_files(encoded):
        prepare = _prepared(trained)
        return answer(_each(lambda content: prepare(open_image(content)), encoded, trained))

    tf.saved_model.save(module, path, signatures={"serving_default": of_images, "jpeg": of_files})


def _answer(trained: Restored, classify: bool) -> Callable[[tf.Tensor], dict]:
    """From whitened images [B, S, S, ch] to what a program gives."""
    networks, chance = trained.networks, tf.nn.sigmoid if trained.label_sets else tf.nn.softmax

    def answer(images: tf.Tensor) -> dict:
        count = tf.shape(images)[0]
        filling = tf.cast(count == 0, tf.int32)  # TensorFlow's fused convolutions fail on a batch of no image
        images = tf.pad(images, [[0, filling], [0, 0], [0, 0], [0, 0]])
        features = networks.features(images, training=False)[:count]  # [B, F]
        if not classify:
            return {"features": features}
        probabilities = chance(networks.classifier(features))  # [B, C]
        best = tf.gather(tf.constant(trained.class_names), tf.argmax(probabilities, -1))  # [B]
        return {"features": features, "probabilities": probabilities, "label_names": best}

    return answer


def _prepared(trained: Restored) -> Callable[[tf.Tensor], tf.Tensor]:
    """From pixels uint8 [height, width, ch] to what the encoder sees, as evaluation of the run has it: [S, S, ch]."""
    image = trained.image
    crop = evaluation_crop(image["crop"], size=trained.size, padding=image["padding"])
    return lambda pixels: whiten(crop(pixels), mean=image["mean"], std=image["std"])


def _opener(trained: Restored) -> Callable[[tf.Tensor], tf.Tensor]:
    """From the bytes of a file to its pixels, uint8 [height, width, ch], upright if a JPEG says how."""
    size, channels = trained.size, trained.image["shape"][-1]
    sides = [size, size] if trained.image["crop"] == "identity" else [None, None]

    def open_image(content: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(content, channels=channels, expand_animations=False)
        return tf.ensure_shape(turned(pixels, orientation_in_graph(content)), [*sides, channels])

    return open_image


def _each(prepare: Callable, batch: tf.Tensor, trained: Restored) -> tf.Tensor:
    """One after the other: [B, ...] to [B, S, S, ch]."""
    return tf.map_fn(prepare, batch, fn_output_signature=tf.TensorSpec(trained.image["shape"], tf.float32))
