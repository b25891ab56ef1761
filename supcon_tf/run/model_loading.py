"""Model files of anybody, Keras models and SavedModels, as functions from images to features and answers.

What is taken as what is told in lines, since a wrong guess would give wrong numbers and no error.
"""

from __future__ import annotations

import importlib
import os
import pathlib
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from supcon_tf.config import Model
from supcon_tf.failures import first_line
from supcon_tf.keras_generations import KERAS_3, inner_layers, symbolic_outputs
from supcon_tf.networks.model_failures import loading
from supcon_tf.networks.model_heads import before_the_last
from supcon_tf.paths import spellable

ALL = "what the model gives"
Tensors = tuple[Optional[tf.Tensor], Optional[tf.Tensor]]  # features and answers as the model gives them, of any rank


class Loaded(NamedTuple):
    """A model as a function.

    Attributes:
        call: from images [B, S, S, ch] of `dtype` to its features and its answers, None what it does not give.
        shape: (height, width, ch) of an image, None where any is taken.
        dtype: of an image.
        names: what its features and its answers are, in words; "" what it does not give.
        rescaling: name of a layer that scales pixels, "" where there is none.
    """

    call: Callable[[tf.Tensor], Tensors]
    shape: tuple
    dtype: tf.DType
    names: tuple[str, str]
    rescaling: str = ""


def load(path: pathlib.Path, kind: str, how: Model) -> Loaded:
    """Loads a model file under the current strategy.

    Args:
        path: of the file or directory.
        kind: "keras" or "saved_model".
        how: what it gives.

    Raises:
        ValueError: it is no model, of another Keras, has unknown classes, or does not give what `how` says.
    """
    if how.code:
        _import(how.code)
    of_keras_2 = not KERAS_3 and not how.signature and (path / "keras_metadata.pb").is_file()
    place = spellable(os.path.abspath(path))
    with loading(path):
        if kind == "keras" or of_keras_2:
            loaded = tf.keras.models.load_model(place, compile=False)
        else:
            loaded = tf.saved_model.load(place)
    return (_of_keras if kind == "keras" or of_keras_2 else _of_program)(loaded, how)


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:
        raise ValueError(f"--model.code={module} cannot be imported ({first_line(error)}).") from error


def _of_keras(model: tf.keras.Model, how: Model) -> Loaded:
    inputs = list(getattr(model, "inputs", None) or [])
    if not inputs:
        return _of_subclass(model, how)
    _require_one_image(len(inputs), inputs[0].shape)
    answers, said = (None, "") if how.output == "features" else _given(model, how.answers)
    if how.features or answers is None:
        features, name = _given(model, how.features)
    else:
        features, name = (None, "") if how.answers else before_the_last(model)
    taken = {"features": features, "answers": answers}
    graph = tf.keras.Model(inputs[0], {name: tensor for name, tensor in taken.items() if tensor is not None})

    def call(images: tf.Tensor) -> Tensors:
        found = graph(images, training=False)
        return found.get("features"), found.get("answers")

    return Loaded(call, tuple(inputs[0].shape)[1:], tf.as_dtype(inputs[0].dtype), (name, said), _rescaling(model))


def _of_subclass(model: tf.keras.Model, how: Model) -> Loaded:
    """A model that is Python code and no graph: its output is all that can be had."""
    if how.features or how.answers:
        raise ValueError("the model is no graph of layers, so none of them can be named: leave model.features empty.")

    def call(images: tf.Tensor) -> Tensors:
        found = model(images, training=False)
        if not tf.is_tensor(found):
            raise ValueError(f"the model must give one array; it gives {type(found).__name__}.")
        return (found, None) if how.output == "features" else (None, found)

    names = (ALL, "") if how.output == "features" else ("", ALL)
    return Loaded(call, (None, None, None), tf.float32, names, _rescaling(model))


def _given(model: tf.keras.Model, layer: str) -> tuple:
    """What a layer gives, or without a name the model, and this in words."""
    return (_inside(model, layer), f"what layer '{layer}' gives") if layer else (_only(model), ALL)


def _only(model: tf.keras.Model):
    if len(model.outputs) > 1:
        raise ValueError(
            f"the model has {len(model.outputs)} outputs; name the layer of one by --model.answers or --model.features "
            f"({_listed(layer.name for layer in model.layers[-8:])})."
        )
    return model.outputs[0]


def _inside(model: tf.keras.Model, name: str):
    """What a layer of a model gives within it."""
    names = [layer.name for layer in model.layers]
    if name not in names:
        deeper = any(layer.name == name for layer in inner_layers(model))
        within = "; it lies in a nested model, whose layers cannot be named" if deeper else ""
        raise ValueError(f"the model has no layer '{name}'{within}. Its last ones: {_listed(names[-8:])}.")
    for tensor in symbolic_outputs(model.get_layer(name)):
        try:
            tf.keras.Model(model.inputs, tensor)
        except ValueError:  # of the graph of a nested model
            continue
        return tensor
    raise ValueError(f"layer '{name}' is not on the way from the model's input.")


def _rescaling(model: tf.keras.Model) -> str:
    """The name of a layer that scales pixels."""
    return next((layer.name for layer in inner_layers(model) if type(layer).__name__ == "Rescaling"), "")


def _of_program(loaded, how: Model) -> Loaded:
    signatures = getattr(loaded, "signatures", {})
    name = how.signature or "serving_default"
    if name not in signatures:
        raise ValueError(f"the SavedModel has no signature '{name}'; it has {_listed(sorted(signatures)) or 'none'}.")
    function = signatures[name]
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    key, spec = next(iter(inputs.items()))
    _require_one_image(len(inputs), spec.shape)
    floats = sorted(name for name, output in outputs.items() if output.dtype.is_floating)  # they are kept in no order
    answers = _chosen(how.answers, floats, [how.features], "answers") if how.output != "features" else ""
    features = how.features and _chosen(how.features, floats, [], "features")
    features = features or ("" if answers else _chosen("", floats, [], "features"))

    def call(images: tf.Tensor) -> Tensors:
        found = loaded.signatures[name](**{key: images})  # the variables are there as long as `loaded` is
        return (found[features] if features else None), (found[answers] if answers else None)

    names = tuple(f"output '{chosen}' of signature '{name}'" if chosen else "" for chosen in (features, answers))
    return Loaded(call, tuple(spec.shape)[1:], spec.dtype, names)


def _chosen(name: str, offered: list[str], taken: list[str], what: str) -> str:
    """The name of an output: the one asked for, or the only one."""
    left = [other for other in offered if other not in taken]
    if name and name not in offered:
        raise ValueError(f"the signature has no output '{name}' of numbers; it has {_listed(offered) or 'none'}.")
    if not name and len(left) != 1:
        raise ValueError(f"the signature gives {_listed(left) or 'nothing'}; name one of these by --model.{what}.")
    return name or left[0]


def _require_one_image(count: int, shape) -> None:
    shape = tuple(shape) if shape is not None and getattr(shape, "rank", 0) is not None else ()
    if count != 1 or len(shape) != 4:
        raise ValueError(
            f"the model must take one batch of images [B, S, S, ch]; it takes {count} inputs, the first of shape "
            f"{list(shape) or 'unknown'}."
        )
    if shape[0] is not None:
        raise ValueError(f"the model takes batches of exactly {shape[0]}; save it for any number of images.")


def _listed(names) -> str:
    return ", ".join(map(str, names))
