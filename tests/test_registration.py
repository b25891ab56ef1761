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
from supcon_tf.layers.heads import ProjectionHead
from supcon_tf.losses.supcon import SupConLoss


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
