"""Every public layer, loss, metric, optimizer, schedule and model does what Keras expects of its kind."""

from __future__ import annotations

import functools
import importlib
import inspect
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import supcon_tf as sc
from tests.conformance import public

ROOT = pathlib.Path(__file__).parents[2]
each = pytest.mark.parametrize


def called(made, case, **how):
    return np.asarray(made(*map(tf.constant, case.inputs), **how), np.float32)


def test_every_public_class_is_swept_or_held_elsewhere():
    """Completeness: a new public class fails here until it is in the table."""
    rooms = [importlib.import_module(f"supcon_tf.{name}") for name in sc._ROOMS]
    found = {name: getattr(room, name) for room in [sc, *rooms] for name in getattr(room, "__all__", ())}
    classes = {name for name, each in found.items() if inspect.isclass(each)}
    assert classes == public.EVERYTHING | set(public.ELSEWHERE)
    assert all((ROOT / path).exists() for path in public.ELSEWHERE.values())


@each("name", public.CALLABLE)
@pytest.mark.slow
def test_called_and_traced_it_gives_the_same_for_a_batch_of_any_size(name):
    """Eager, `tf.function`, and a batch whose size the graph does not know."""
    case = public.CALLABLE[name]
    made = case.make()
    eager = called(made, case)
    unknown = [tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in case.inputs]
    graph = tf.function(lambda *arrays: made(*arrays), input_signature=unknown)
    for count in (6, 4):
        few = graph(*(tf.constant(array[:count]) for array in case.inputs))
        assert few.shape == (count, *eager.shape[1:])
        if not case.random:
            np.testing.assert_allclose(few, eager[:count], rtol=2e-5, atol=1e-6)


@each("name", public.CALLABLE)
@pytest.mark.guard
def test_xla_gives_the_same(name):
    case = public.CALLABLE[name]
    made = case.make()
    eager = called(made, case)
    if case.random and name != "TwoViews":
        compiled = tf.function(lambda *arrays: made(*arrays, training=False), jit_compile=True)
        np.testing.assert_allclose(compiled(*map(tf.constant, case.inputs)), case.inputs[0], atol=1e-6)
    elif not case.random:
        compiled = tf.function(lambda *arrays: made(*arrays), jit_compile=True)
        np.testing.assert_allclose(compiled(*map(tf.constant, case.inputs)), eager, rtol=2e-5, atol=1e-6)


@each("policy", ["mixed_bfloat16", "mixed_float16"])
@each("name", public.CALLABLE)
@pytest.mark.slow
def test_mixed_precision_both_ways(name, policy):
    """Under a global policy outputs are finite, and what must be exact stays float32."""
    case, before = public.CALLABLE[name], tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        out = case.make()(*map(tf.constant, case.inputs))
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    assert np.isfinite(np.asarray(tf.cast(out, tf.float32))).all()
    if name in ("ProjectionHead", "ClassificationHead", "UnitNorm"):
        assert tf.as_dtype(out.dtype) == tf.float32


@each("name", public.LAYERS)
def test_a_clone_from_its_config_is_the_same_layer(name):
    case = public.LAYERS[name]
    made = case.make()
    clone = type(made).from_config(made.get_config())
    assert clone.get_config() == made.get_config()
    if not case.random:
        called(made, case), called(clone, case)
        clone.set_weights(made.get_weights())
        np.testing.assert_array_equal(called(clone, case), called(made, case))


@each("name", [*public.LOSSES, *public.METRICS])
def test_losses_and_metrics_round_trip_and_are_traced(name):
    case = {**public.LOSSES, **public.METRICS}[name]
    made = case.make()
    clone = type(made).from_config(made.get_config())
    labels, rows = map(tf.constant, case.inputs)
    if name in public.LOSSES:
        values = [np.asarray(tf.function(each)(labels, rows)) for each in (made, clone)]
    else:
        values = []
        for metric in (made, clone):
            tf.function(functools.partial(_update, metric))(labels, rows)
            values.append(np.asarray(metric.result()))
            metric.reset_state()
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)
    assert np.isfinite(values[0]).all()


def _update(metric, labels, rows):
    """Keras 2 gives an operation in a graph, which a function may not return."""
    metric.update_state(labels, rows)


@each("name", public.SCHEDULES)
def test_schedules_are_pickled_and_made_again(name):
    made = public.SCHEDULES[name]()
    for again in (pickle.loads(pickle.dumps(made)), type(made).from_config(made.get_config())):
        assert [float(again(step)) for step in range(20)] == [float(made(step)) for step in range(20)]


@each("name", public.OPTIMIZERS)
def test_optimizers_are_made_again_and_step_alike(name):
    made = public.OPTIMIZERS[name]()
    again = type(made).from_config(made.get_config())
    variables = [tf.Variable(tf.ones([3, 2])) for _ in range(2)]
    for optimizer, variable in zip((made, again), variables):
        optimizer.build([variable])
        optimizer.apply_gradients([(tf.fill([3, 2], 0.5), variable)])
    np.testing.assert_array_equal(variables[0], variables[1])
    assert not np.array_equal(variables[0], np.ones([3, 2]))


@each("name", [name for name, case in public.CALLABLE.items() if not case.random])
@pytest.mark.slow
def test_a_keras_file_is_loaded_in_a_fresh_process_by_the_import_alone(name, tmp_path):
    case = public.CALLABLE[name]
    made = case.make()
    out = called(made, case)
    model = made if name in public.MODELS else tf.keras.Sequential([tf.keras.Input(case.inputs[0].shape[1:]), made])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", case.inputs[0])
    program = (
        "import supcon_tf, numpy as np, tensorflow as tf\n"
        f"model = tf.keras.models.load_model({str(tmp_path / 'model.keras')!r})\n"
        f"out = model(tf.constant(np.load({str(tmp_path / 'inputs.npy')!r})))\n"
        f"np.save({str(tmp_path / 'out.npy')!r}, np.asarray(out, np.float32))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), out, rtol=1e-5, atol=1e-6)


@each("name", [name for name, case in public.LAYERS.items() if not case.random])
@pytest.mark.slow
def test_a_saved_model_answers_without_this_package(name, tmp_path):
    case = public.LAYERS[name]
    made = case.make()
    out = called(made, case)
    spec = tf.TensorSpec([None, *case.inputs[0].shape[1:]], case.inputs[0].dtype)
    module = tf.Module()
    module.layer, module.serve = made, tf.function(lambda rows: made(rows), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    program = (
        "import numpy as np, sys, tensorflow as tf\n"
        f"loaded, rows = tf.saved_model.load({str(tmp_path / 'saved')!r}), np.load({str(tmp_path / 'inputs.npy')!r})\n"
        f"np.save({str(tmp_path / 'out.npy')!r}, loaded.serve(tf.constant(rows)).numpy())\n"
        "assert 'supcon_tf' not in sys.modules\n"
    )
    np.save(tmp_path / "inputs.npy", case.inputs[0])
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), out, rtol=1e-5, atol=1e-6)
