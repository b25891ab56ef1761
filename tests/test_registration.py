"""A fresh process that imports this package can load its models, and waits for nothing until then."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import supcon_tf
from supcon_tf import registration
from supcon_tf.augment.layers import ColorJitter, GaussianBlur, TwoViews
from supcon_tf.layers.heads import ClassificationHead, ProjectionHead
from supcon_tf.layers.normalization import UnitNorm
from supcon_tf.losses.supcon import SupConLoss
from supcon_tf.networks.pixels import BlueFirst
from tests.models.models_to_train import small


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """README's model, after a step of training."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.Input([8, 8, 3]), tf.keras.layers.GlobalAveragePooling2D(), ProjectionHead(widths=(8,))]
    model = tf.keras.Sequential(layers)
    model.compile(optimizer=supcon_tf.LARS(0.1), loss=SupConLoss(0.1))
    model.fit(tf.random.uniform([16, 8, 8, 3]), tf.range(16) % 4, verbose=0)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path, model(tf.ones([2, 8, 8, 3])).numpy()


def fresh(program):
    ended = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout.split()


@pytest.mark.parametrize(
    "imports",
    [
        "import supcon_tf; import tensorflow as tf",
        pytest.param("import tensorflow as tf; import supcon_tf", marks=pytest.mark.slow),
        pytest.param("import supcon_tf, keras; import tensorflow as tf", marks=pytest.mark.slow),
        # TensorFlow is imported in the middle of a module that files with classes of Keras need.
        pytest.param("import supcon_tf as sc; sc.SupConLoss; import tensorflow as tf", marks=pytest.mark.slow),
        pytest.param("from supcon_tf.training.update import Update; import tensorflow as tf", marks=pytest.mark.slow),
        pytest.param(
            "import keras; import tensorflow as tf; tf.keras.layers; import supcon_tf", marks=pytest.mark.slow
        ),
    ],
)
def test_a_saved_model_is_loaded_whatever_is_imported_first(imports, saved):
    program = (
        f"{imports}\nmodel = tf.keras.models.load_model({str(saved[0])!r})\n"
        "print(*model(tf.ones([2, 8, 8, 3])).numpy().ravel(), type(model.loss).__name__)"
    )
    *numbers, loss = fresh(program)[-17:]
    np.testing.assert_allclose(np.array(numbers, float), saved[1].ravel(), rtol=1e-5)
    assert loss == "SupConLoss"


@pytest.mark.slow
def test_without_the_package_it_is_not():
    """Control: Keras does not find a class that nobody imported."""
    program = "import tensorflow as tf; print(tf.keras.utils.get_registered_object('supcon_tf>ProjectionHead'))"
    assert fresh(program)[-1] == "None"


def test_the_package_alone_loads_no_tensorflow():
    assert fresh("import sys, supcon_tf; dir(supcon_tf); print('tensorflow' in sys.modules)") == ["False"]


def test_every_file_with_a_registered_class_is_listed():
    for module in pkgutil.walk_packages(supcon_tf.__path__, "supcon_tf."):
        importlib.import_module(module.name)
    known = tf.keras.utils.get_custom_objects()
    files = {kind.__module__ for name, kind in known.items() if name.startswith("supcon_tf>")}
    assert files == set(registration.FILES)


LAYERS = {  # each with the shape of one example
    "ProjectionHead": (lambda: ProjectionHead((8, 4), last_batch_norm=True), [6]),
    "ClassificationHead": (lambda: ClassificationHead(3), [6]),
    "UnitNorm": (UnitNorm, [6]),
    "TwoViews": (lambda: TwoViews("crop_flip", size=4, views=3), [6, 6, 3]),
    "ColorJitter": (ColorJitter, [6, 6, 3]),
    "GaussianBlur": (lambda: GaussianBlur(taps=3), [6, 6, 3]),
    "BlueFirst": (BlueFirst, [6, 6, 3]),
    "SupConModel": (small, [6, 6, 1]),
}


def test_every_registered_layer_is_among_those_of_the_next_test():
    known = tf.keras.utils.get_custom_objects()
    layers = [kind for name, kind in known.items() if name.startswith("supcon_tf>") and isinstance(kind, type)]
    assert {kind.__name__ for kind in layers if issubclass(kind, tf.keras.layers.Layer)} - {
        kind.__name__ for kind in layers if issubclass(kind, tf.keras.metrics.Metric)
    } == set(LAYERS)


@pytest.mark.parametrize("make, shape", LAYERS.values(), ids=LAYERS)
def test_a_layer_knows_its_shape_before_it_is_called_and_stands_in_time_distributed(make, shape):
    """Keras 3 asks `compute_output_shape`, and guesses nothing where `TimeDistributed` asks."""
    examples = tf.random.uniform([2, *shape])
    expected = make()(examples).shape
    assert tuple(make().compute_output_shape((None, *shape))) == (None, *expected[1:])
    views = tf.keras.Input([3, *shape])
    model = tf.keras.Model(views, tf.keras.layers.TimeDistributed(make())(views))
    assert model.output_shape == (None, 3, *expected[1:])
    assert model(tf.stack([examples] * 3, 1)).shape == (2, 3, *expected[1:])
