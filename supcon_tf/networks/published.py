"""Weights that others have published: checkpoints of the authors' TensorFlow code, and of SupContrast (PyTorch).

Names are mapped one to one. A missing tensor, one too many in the encoder, or one of another shape is an error, and
then no weight is changed. Tensors of heads and optimizers are passed over. How each wants pixels:

    authors, ImageNet and CIFAR-10    whitened by the moments of the set, as the runs here
    SupContrast, CIFAR                whitened by the moments of the set
    SupContrast, `supcon.pth`         of ImageNet: "torch"; so are checkpoints of torchvision, which are read too
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from supcon_tf.failures import first_line
from supcon_tf.networks.resnet import BLOCKS, resnet
from supcon_tf.paths import shown

NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
LEAVES = ("kernel", *NORM)
FIRST = "Conv2DFixedPadding/conv2d/kernel"  # of the authors' stem


def from_supcontrast(
    path: str | os.PathLike[str], *, image_shape: Optional[tuple[int, int, int]] = None
) -> tf.keras.Model:
    """The encoder of a checkpoint of SupContrast, the PyTorch code of Tian et al. (2020).

    That is a `ckpt_epoch_N.pth`, a `last.pth`, or the published `supcon.pth`.

    Depth, width and stem are read from the tensors: ResNet-18, 34, 50, 101 or 152 with the 3x3 stem of SupContrast's
    code, or with the 7x7 stem of torchvision. The network differs from `resnet` where PyTorch's does: basic blocks of
    the first group have no projection, and the stem's pool pads both sides (`resnet(pytorch=True)`).

    Args:
        path: of the file. Tensors are read by `torch.load(weights_only=True)`, so that no code in it runs.
        image_shape: (S, S, ch); None: images of any size.

    Returns:
        Keras model, images [B, S, S, ch] to features [B, F], in red, green, blue; not of unit length.

    Raises:
        ValueError: there is no such file, it holds no such encoder, or cannot be read.
        ImportError: PyTorch is not installed.

    Example:
        >>> from_supcontrast("nowhere.pth")
        Traceback (most recent call last):
        ValueError: there is no file nowhere.pth.
    """
    tensors = _of_torch(pathlib.Path(path))
    first = tensors.get("conv1.weight")
    depth = _depth(tensors)
    if first is None or first.ndim != 4 or depth is None:
        raise ValueError(
            f"{shown(str(path))} holds no ResNet of SupContrast or torchvision; its tensors begin with "
            f"{', '.join(list(tensors)[:3]) or 'nothing'}."
        )
    network = resnet(
        depth,
        image_shape=image_shape or (None, None, first.shape[1]),
        width=first.shape[0] / 64,
        stem="image" if first.shape[2] == 7 else "small_image",
        cross_replica_batch_norm=False,
        pytorch=True,
    )
    short = "downsample" if "layer2.0.downsample.0.weight" in tensors else "shortcut"
    fill(network, tensors, lambda layer, leaf: _in_torch(layer, leaf, short), str(path), _as_torch_has_it)
    return network


def from_authors(
    path: str | os.PathLike[str], depth: int, *, image_shape: Optional[tuple[int, int, int]] = None
) -> tf.keras.Model:
    """The encoder of a checkpoint of the authors' code (Khosla et al., 2020): ResNet v1 of a depth.

    Width and stem are read from the tensors. The network is `resnet(depth)` as it is.

    Args:
        path: without the ending of its files, such as model.ckpt-91750, or `variables/variables` in an exported
            SavedModel.
        depth: 18, 34, 50, 101, 152 or 200.
        image_shape: (S, S, ch); None: images of any size.

    Returns:
        Keras model, images [B, S, S, ch] to features [B, F]; not of unit length.

    Raises:
        ValueError: there is no such checkpoint, or it holds another encoder.

    Example:
        >>> from_authors("nowhere/model.ckpt-91750", 50)
        Traceback (most recent call last):
        ValueError: nowhere/model.ckpt-91750 is no TensorFlow checkpoint: ...
    """
    tensors = _of_authors(path)
    first = tensors[FIRST]
    network = resnet(
        depth,
        image_shape=image_shape or (None, None, first.shape[2]),
        width=first.shape[3] / 64,
        stem="image" if first.shape[0] == 7 else "small_image",
        cross_replica_batch_norm=False,
    )
    load_authors(network, path)
    return network


def load_authors(network: tf.keras.Model, path: str | os.PathLike[str]) -> None:
    """Gives a `resnet` the weights and moving averages of a checkpoint of the authors' code; as `from_authors`."""
    basic = not any(layer.name == "group1_block1_conv3" for layer in network.layers)
    fill(network, _of_authors(path), lambda layer, leaf: _in_authors(layer, leaf, basic), str(path))


def fill(
    network: tf.keras.Model,
    tensors: dict[str, NDArray[Any]],
    named: Callable[[str, str], str],
    origin: str,
    turned: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray,
) -> None:
    """Gives every variable of a residual network the tensor of its name; all of them, or none.

    Args:
        network: of `resnet`.
        tensors: by name.
        named: from a layer's name and a variable's (`LEAVES`) to that of the tensor.
        origin: of the tensors, for messages.
        turned: from a tensor to how Keras has it.

    Raises:
        ValueError: a tensor is missing, is left over, or has another shape.
    """
    pairs, left, where = [], dict(tensors), shown(origin)
    for layer, leaf, variable in _variables(network):
        name = named(layer, leaf)
        if name not in left:
            raise ValueError(f"{where} has no tensor {name}, which '{layer}' of {network.name} needs.")
        value = turned(left.pop(name))
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(
                f"{where}: {name} has shape {list(value.shape)}; '{layer}' of {network.name} needs "
                f"{list(variable.shape)}."
            )
        pairs.append((variable, value))
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise ValueError(
            f"{where} has tensors that {network.name} has no place for: {', '.join(list(left)[:3])}{more}."
        )
    for variable, value in pairs:
        variable.assign(value)


def _variables(network: tf.keras.Model) -> Iterator[tuple[str, str, tf.Variable]]:
    """(layer, variable's name, variable) of every weight; each is one of `LEAVES`."""
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.Conv2D):
            yield layer.name, "kernel", layer.kernel
        elif isinstance(layer, tf.keras.layers.BatchNormalization):
            for leaf in NORM:
                yield layer.name, leaf, getattr(layer, leaf)


def _place(layer: str) -> tuple[int, int, str]:
    """(group, block, what) of a layer, counted from 1; (0, 0, what) in the stem.

    Example:
        >>> _place("group2_block1_shortcut_conv"), _place("stem_norm")
        ((2, 1, 'shortcut_conv'), (0, 0, 'norm'))
    """
    found = re.fullmatch(r"(?:group(\d+)_block(\d+)|stem)_(\w+)", layer)
    if found is None:
        raise ValueError(f"a layer called '{layer}' is none of a residual network.")
    return int(found[1] or 0), int(found[2] or 0), found[3]


def _in_torch(layer: str, leaf: str, short: str) -> str:
    """What SupContrast calls a variable: `layer1.0.conv2.weight`."""
    group, block, what = _place(layer)
    end = NORM.get(leaf, "weight")
    if not group:
        return f"{'conv1' if what == 'conv' else 'bn1'}.{end}"
    if what.startswith("shortcut"):
        return f"layer{group}.{block - 1}.{short}.{0 if what == 'shortcut_conv' else 1}.{end}"
    return f"layer{group}.{block - 1}.{what.replace('norm', 'bn')}.{end}"


def _in_authors(layer: str, leaf: str, basic: bool) -> str:
    """What the authors' code calls a variable: layers of a block are numbered as called, the shortcut first."""
    group, block, what = _place(layer)
    kind, end = ("Conv2DFixedPadding", "conv2d/kernel") if leaf == "kernel" else ("batch_normalization", leaf)
    if not group:
        return f"{kind}/{end}"
    number = 0 if what.startswith("shortcut") else int(what[-1]) - (block > 1)
    inside = "ResidualBlock" if basic else "BottleneckBlock"
    return f"BlockGroup{group - 1}/{_nth(inside, block - 1)}/{_nth(kind, number)}/{end}"


def _nth(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _as_torch_has_it(value: NDArray[Any]) -> NDArray[Any]:
    """A kernel [out, in, h, w] as [h, w, in, out]; else as it is."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def _depth(tensors: dict[str, NDArray[Any]]) -> Optional[int]:
    """The ResNet whose blocks these are, None for no such."""
    places = [re.match(r"layer(\d)\.(\d+)\.", name) for name in tensors]
    found = {(int(place[1]), int(place[2])) for place in places if place}
    counts = tuple(sum(group == number for group, _ in found) for number in (1, 2, 3, 4))
    basic = "layer1.0.conv3.weight" not in tensors
    return next((depth for depth, blocks in BLOCKS.items() if blocks == counts and (depth < 50) == basic), None)


def _of_torch(path: pathlib.Path) -> dict[str, NDArray[Any]]:
    """Tensors of the encoder in a PyTorch file, by name, without what wraps it and without heads."""
    if not path.is_file():
        raise ValueError(f"there is no file {shown(str(path))}.")
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"reading {shown(str(path))} needs PyTorch: pip install torch (its CPU build will do)."
        ) from error
    try:
        # SupContrast keeps its options beside the tensors: plain values, in a class that has to be named.
        with torch.serialization.safe_globals([argparse.Namespace]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{shown(str(path))} cannot be read as a PyTorch checkpoint: {first_line(error)}") from error
    for key in ("model", "state_dict"):
        found = found.get(key, found) if isinstance(found, dict) else {}
    named = {
        re.sub(r"(^|\.)module\.", r"\1", name): tensor for name, tensor in found.items() if torch.is_tensor(tensor)
    }
    if any(name.startswith("encoder.") for name in named):
        named = {name[len("encoder.") :]: tensor for name, tensor in named.items() if name.startswith("encoder.")}
    passed = re.compile(r"(head|fc)\.|.*num_batches_tracked$")
    return {name: tensor.float().numpy() for name, tensor in named.items() if not passed.match(name)}


def _of_authors(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Variables of the encoder in a TensorFlow checkpoint, by name within the encoder; no slots of optimizers."""
    try:
        reader = tf.train.load_checkpoint(os.fspath(path))
        names = list(reader.get_variable_to_shape_map())
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(f"{shown(os.fspath(path))} is no TensorFlow checkpoint: {first_line(error)}") from error
    scopes = sorted((name[: -len(FIRST)] for name in names if name.endswith(f"Encoder/{FIRST}")), key=len)
    if not scopes:
        raise ValueError(
            f"{shown(os.fspath(path))} is no checkpoint of the authors' code: it has no variable Encoder/{FIRST}."
        )
    inside = {name[len(scopes[0]) :]: name for name in sorted(names) if name.startswith(scopes[0])}
    return {short: reader.get_tensor(name) for short, name in inside.items() if short.split("/")[-1] in LEAVES}
