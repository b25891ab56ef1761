"""Checkpoints in the layouts of others give what the networks of others gave.

The files are written here, from random weights, under the names that the others' code gives.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.networks import published
from supcon_tf.networks.registry import build_encoder
from supcon_tf.networks.resnet import BLOCKS, resnet

WIDTH = 4  # filters of the first convolution
SMALL = {"width": WIDTH / 64, "stem": "small_image", "cross_replica_batch_norm": False}


def random_norm(names, count, random):
    low = {"gamma": 0.5, "beta": -0.5, "mean": -0.5, "variance": 0.5}
    return {name: random.uniform(low[kind], low[kind] + 1, count).astype("f4") for kind, name in names.items()}


# --- SupContrast, in PyTorch ------------------------------------------------------------------------------------------


def torch_resnet(torch, depth, stem, short):
    """A ResNet of PyTorch's own layers under SupContrast's names, or torchvision's; an independent forward pass."""
    nn = torch.nn
    expansion = 1 if depth < 50 else 4

    class Block(nn.Module):
        def __init__(self, before, filters, stride):
            super().__init__()
            sizes = [(before, filters, 3, stride), (filters, filters, 3, 1)]
            if expansion == 4:
                sizes = [(before, filters, 1, 1), (filters, filters, 3, stride), (filters, 4 * filters, 1, 1)]
            self.count = len(sizes)
            for number, (inside, out, size, step) in enumerate(sizes, 1):
                setattr(self, f"conv{number}", nn.Conv2d(inside, out, size, step, padding=size // 2, bias=False))
                setattr(self, f"bn{number}", nn.BatchNorm2d(out))
            self.past = stride != 1 or before != expansion * filters
            if self.past:
                wide = nn.Conv2d(before, expansion * filters, 1, stride, bias=False)
                setattr(self, short, nn.Sequential(wide, nn.BatchNorm2d(expansion * filters)))

        def forward(self, x):
            y = x
            for number in range(1, self.count + 1):
                y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
                y = y.relu() if number < self.count else y
            return (y + (getattr(self, short)(x) if self.past else x)).relu()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            size, step = (7, 2) if stem == "image" else (3, 1)
            self.conv1 = nn.Conv2d(3, WIDTH, size, step, padding=size // 2, bias=False)
            self.bn1, before = nn.BatchNorm2d(WIDTH), WIDTH
            for group, blocks in enumerate(BLOCKS[depth]):
                filters, inside = WIDTH * 2**group, []
                for block in range(blocks):
                    inside.append(Block(before, filters, 2 if group and not block else 1))
                    before = expansion * filters
                setattr(self, f"layer{group + 1}", nn.Sequential(*inside))

        def forward(self, x):
            x = self.bn1(self.conv1(x)).relu()
            x = nn.functional.max_pool2d(x, 3, 2, padding=1) if stem == "image" else x
            for group in (1, 2, 3, 4):
                x = getattr(self, f"layer{group}")(x)
            return x.mean((2, 3))

    net = Net()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point and value.ndim == 1:
                value.uniform_(*((0.5, 1.5) if "weight" in name or "var" in name else (-0.5, 0.5)))
    return net.eval()


def written(torch, net, path, *, before="encoder.", wrap=True):
    """As SupContrast's `save_model` writes it, with a head; `before` as DataParallel has it."""
    tensors = {f"{before}{name}": value for name, value in net.state_dict().items()}
    tensors |= {"head.0.weight": torch.zeros(2, 2), "head.0.bias": torch.zeros(2)}
    options = argparse.Namespace(model="resnet", lr_decay_epochs=[700, 800], syncBN=False)
    torch.save({"opt": options, "model": tensors, "optimizer": {"state": {}}, "epoch": 3} if wrap else tensors, path)
    return path


CASES = [(18, "small_image", "shortcut", "encoder."), (34, "small_image", "shortcut", "module.encoder."),
         (50, "small_image", "shortcut", "encoder.module."), (50, "image", "downsample", "encoder.module."),
         (18, "image", "downsample", "")]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("side", [16, 33])
@pytest.mark.parametrize("depth, stem, short, before", CASES)
def test_supcontrast_gives_what_pytorch_gives(tmp_path, depth, stem, short, before, side):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its checkpoints cannot be written or read")
    torch.manual_seed(depth)
    net = torch_resnet(torch, depth, stem, short)
    path = written(torch, net, tmp_path / "last.pth", before=before, wrap=bool(before))
    model = published.from_supcontrast(path)
    images = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype("f4")
    with torch.no_grad():
        expected = net(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(model(images, training=False), expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_what_pytorch_does_otherwise_is_seen(tmp_path):
    """Control: with the pool of `resnet` features are others."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its checkpoints cannot be written or read")
    net = torch_resnet(torch, 50, "image", "downsample")
    model = published.from_supcontrast(written(torch, net, tmp_path / "x.pth"))
    ours = resnet(50, image_shape=(32, 32, 3), **{**SMALL, "stem": "image"})
    ours.set_weights(model.get_weights())
    images = tf.random.normal([2, 32, 32, 3])
    assert np.abs(ours(images) - model(images)).max() > 1e-3 * np.abs(model(images)).max()


@pytest.mark.slow
def test_a_pytorch_file_is_an_encoder_by_its_name(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its checkpoints cannot be written or read")
    path = written(torch, torch_resnet(torch, 18, "small_image", "shortcut"), tmp_path / "x.pth")
    encoder = build_encoder(str(path), image_shape=(8, 8, 3), pixels="whitened", cross_replica_batch_norm=False)
    images = tf.random.normal([2, 8, 8, 3])
    np.testing.assert_array_equal(encoder(images), published.from_supcontrast(path)(images))


@pytest.mark.slow
def test_a_pytorch_file_of_something_else_is_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its checkpoints cannot be written or read")
    net = torch_resnet(torch, 18, "small_image", "shortcut")
    tensors = {f"encoder.{name}": value for name, value in net.state_dict().items()}
    path = tmp_path / "x.pth"

    def refused(match, **changes):
        kept = {name: value for name, value in {**tensors, **changes}.items() if value is not None}
        torch.save({"model": kept}, path)
        with pytest.raises(ValueError, match=match):
            published.from_supcontrast(path)

    refused(r"has no tensor bn1\.bias, which 'stem_norm' of resnet18 needs", **{"encoder.bn1.bias": None})
    refused(r"layer1\.0\.conv1\.weight has shape \[3, 3, 4, 9\]; .* needs \[3, 3, 4, 4\]",
            **{"encoder.layer1.0.conv1.weight": torch.zeros(9, 4, 3, 3)})  # fmt: skip
    refused(r"has tensors that resnet18 has no place for: extra\.weight\.$", **{"encoder.extra.weight": torch.ones(2)})
    refused(r"holds no ResNet of SupContrast or torchvision", **{"encoder.layer4.1.conv1.weight": None,
            **{name: None for name in tensors if "layer4" in name}})  # fmt: skip
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"cannot be read as a PyTorch checkpoint"):
        published.from_supcontrast(path)


def test_without_pytorch_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "x.pth").write_bytes(b"")
    with pytest.raises(ImportError, match=r"x\.pth needs PyTorch: pip install torch"):
        published.from_supcontrast(tmp_path / "x.pth")


# --- The authors' code, in TensorFlow 1 -------------------------------------------------------------------------------


class Authors:
    """A ResNet v1 in plain TensorFlow whose variables have the names of the authors' code.

    `tf.layers` numbers the layers of a scope in the order in which they are called: of a block, the projection first.
    """

    def __init__(self, depth, stem, seed=0):
        self.random, self.tensors, self.counts = np.random.default_rng(seed), {}, {}
        self.depth, self.stem = depth, stem

    def __call__(self, images):
        self.counts = {}
        size, step = (7, 2) if self.stem == "image" else (3, 1)
        x = tf.nn.relu(self.conv_norm(images, "", WIDTH, size, step))
        x = tf.nn.max_pool2d(x, 3, 2, "SAME") if self.stem == "image" else x
        for group, blocks in enumerate(BLOCKS[self.depth]):
            for block in range(blocks):
                x = self.block(x, group, block)
        return tf.reduce_mean(x, [1, 2]).numpy()

    def block(self, x, group, block):
        basic, filters, step = self.depth < 50, WIDTH * 2**group, 2 if group and not block else 1
        scope = self.named(f"BlockGroup{group}/", "ResidualBlock" if basic else "BottleneckBlock") + "/"
        past = x if block else self.conv_norm(x, scope, filters * (1 if basic else 4), 1, step)
        if basic:
            x = tf.nn.relu(self.conv_norm(x, scope, filters, 3, step))
            return tf.nn.relu(past + self.conv_norm(x, scope, filters, 3, 1))
        x = tf.nn.relu(self.conv_norm(x, scope, filters, 1, 1))
        x = tf.nn.relu(self.conv_norm(x, scope, filters, 3, step))
        return tf.nn.relu(past + self.conv_norm(x, scope, 4 * filters, 1, 1))

    def named(self, scope, kind):
        number = self.counts.get(scope + kind, 0)
        self.counts[scope + kind] = number + 1
        return f"{scope}{kind}_{number}" if number else scope + kind

    def conv_norm(self, x, scope, filters, size, step):
        name = self.named(scope, "Conv2DFixedPadding") + "/conv2d/kernel"
        scale = 1 / np.sqrt(size * size * x.shape[-1])
        kernel = self.tensors.setdefault(
            name, (self.random.normal(size=(size, size, x.shape[-1], filters)) * scale).astype("f4")
        )
        pad = size // 2 if step > 1 else 0
        x = tf.nn.conv2d(tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]]), kernel, step, "VALID" if pad else "SAME")
        scope = self.named(scope, "batch_normalization") + "/"
        names = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}
        fresh = random_norm(names, filters, self.random)
        gamma, beta, mean, variance = (self.tensors.setdefault(scope + leaf, fresh[leaf]) for leaf in names.values())
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def write(self, folder, **changes):
        """With heads, and slots of optimizers, as an Estimator's checkpoint has them."""
        values = {f"ContrastiveModel/Encoder/{name}": value for name, value in {**self.tensors, **changes}.items()}
        values |= {f"{name}/Momentum": value for name, value in values.items()}
        values |= {"ContrastiveModel/ProjectionHead/dense/kernel": np.ones([2, 2], "f4"), "global_step": np.int64(7)}
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            for name, value in values.items():
                if value is not None:
                    tf.compat.v1.get_variable(name, initializer=value, use_resource=False)
            session.run(tf.compat.v1.global_variables_initializer())
            return tf.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=7)


@pytest.mark.slow
@pytest.mark.parametrize("depth, stem, side", [(18, "small_image", 9), (50, "image", 64), (50, "small_image", 16)])
def test_the_authors_network_gives_the_same(tmp_path, depth, stem, side):
    theirs = Authors(depth, stem)
    images = np.random.default_rng(1).normal(size=(2, side, side, 3)).astype("f4")
    expected = theirs(images)
    model = published.from_authors(theirs.write(tmp_path), depth)
    np.testing.assert_allclose(model(images), expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())
    assert expected.std() > 1e-3


@pytest.mark.slow
def test_an_encoder_of_ours_begins_with_the_authors_weights(tmp_path):
    theirs = Authors(18, "small_image")
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("f4")
    expected, path = theirs(images), theirs.write(tmp_path)
    how = {"image_shape": (8, 8, 3), "weights": path}
    np.testing.assert_allclose(build_encoder("resnet18", **SMALL, **how)(images), expected, rtol=2e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"has shape \[3, 3, 3, 4\]; 'stem_conv' of resnet18 needs \[3, 3, 3, 8\]"):
        build_encoder("resnet18", **{**SMALL, "width": 1 / 8}, **how)
    with pytest.raises(ValueError, match=r"has no tensor BlockGroup0/BottleneckBlock/.*, which 'group1_block1_"):
        published.from_authors(path, 50)
    with pytest.raises(ValueError, match=r"has no tensor BlockGroup0/ResidualBlock_2/"):
        published.from_authors(path, 34)


def program_of_the_guide(name):
    """The block of docs/guides/encoders.md that calls `name`."""
    guide = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "encoders.md"
    found = re.findall(r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.M | re.S)
    (block,) = [block for block in found if f"import {name}\n" in block]
    return compile(block, guide.name, "exec")


@pytest.mark.slow
def test_the_guide_reads_the_authors_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    theirs = Authors(50, "image")
    images = np.random.default_rng(1).normal(size=(1, 224, 224, 3)).astype("f4")
    expected = theirs(images)
    theirs.write(tmp_path)
    for file in tmp_path.glob("model.ckpt-7.*"):
        file.rename(file.with_name(file.name.replace("-7.", "-91750.")))
    names = {}
    exec(program_of_the_guide("from_authors"), names)
    np.testing.assert_allclose(names["encoder"](images), expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_the_guide_turns_a_checkpoint_of_supcontrast_into_a_keras_file(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its checkpoints cannot be written or read")
    monkeypatch.chdir(tmp_path)
    net = torch_resnet(torch, 50, "image", "downsample")
    written(torch, net, "supcon.pth", before="encoder.module.")
    exec(program_of_the_guide("from_supcontrast"), {})
    images = np.random.default_rng(0).normal(size=(2, 33, 33, 3)).astype("f4")
    with torch.no_grad():
        expected = net(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    found = tf.keras.models.load_model("supcon.keras")(images)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    theirs = Authors(18, "small_image")
    theirs(np.zeros([1, 8, 8, 3], "f4"))
    with pytest.raises(ValueError, match=r"tensors that resnet18 has no place for: BlockGroup7/x/kernel\.$"):
        published.from_authors(theirs.write(tmp_path, **{"BlockGroup7/x/kernel": np.ones(2, "f4")}), 18)
    with pytest.raises(ValueError, match=r"is no TensorFlow checkpoint"):
        published.from_authors(tmp_path / "nowhere", 18)
    variable = tf.train.Checkpoint(x=tf.Variable(1.0)).write(str(tmp_path / "other"))
    with pytest.raises(ValueError, match=r"no checkpoint of the authors' code: it has no variable Encoder/Conv2D"):
        published.from_authors(variable, 18)


def test_nothing_is_changed_where_something_is_wrong():
    network = resnet(18, image_shape=(8, 8, 3), **SMALL)
    before = network.get_weights()
    tensors = {"stem_conv/kernel": np.ones([3, 3, 3, WIDTH])}
    with pytest.raises(ValueError, match="here has no tensor stem_norm/gamma"):
        published.fill(network, tensors, "{}/{}".format, "here")
    assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights()))
