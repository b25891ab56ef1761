"""Makes Keras know this package's classes by name as soon as there is a Keras, without loading it.

Keras finds a saved layer, loss or optimizer again only when the file that defines it was imported. `import supcon_tf`
imports no TensorFlow, so it waits for it: when TensorFlow (or Keras) has been imported, these files are too.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
import warnings

# Every file with a class that is registered with Keras.
FILES = (
    "supcon_tf.augment.layers",
    "supcon_tf.layers.heads",
    "supcon_tf.layers.normalization",
    "supcon_tf.losses.supcon",
    "supcon_tf.metrics.positives",
    "supcon_tf.metrics.representation",
    "supcon_tf.models.supcon_model",
    "supcon_tf.networks.pixels",
    "supcon_tf.optim.lars",
    "supcon_tf.optim.schedules",
)
FRAMEWORKS = ("tensorflow", "keras", "tf_keras")


def register_when_possible() -> None:
    """Registers now where TensorFlow is there already, else as soon as it is."""
    if sys.modules.get("tensorflow") and not _being_imported(FRAMEWORKS):
        _register()
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


class _Watch(importlib.abc.MetaPathFinder):
    """Finds nothing by itself; has what the others find report when it has been imported.

    Modules of this package report, too: TensorFlow may be imported in the middle of one, which those of `FILES` that
    need it would find half there.
    """

    def __init__(self):
        self._own = 0  # modules of this package that are being imported now, each by the one before

    def find_spec(self, name, path=None, target=None):
        own = name.startswith("supcon_tf.")
        if name not in FRAMEWORKS and not own:
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec = next((found for finder in others if (found := finder.find_spec(name, path, target))), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_register(module):
            self._own += own
            try:
                execute(module)
            finally:
                self._own -= own
            self._imported(name)

        spec.loader.exec_module = execute_and_register
        return spec

    def _imported(self, name: str) -> None:
        """Called at the end of an import; that of Keras may be within that of TensorFlow, or the other way round."""
        others = [other for other in FRAMEWORKS if other != name]
        there = sys.modules.get("tensorflow") and not _being_imported(others)
        if there and not self._own and self in sys.meta_path:
            sys.meta_path.remove(self)
            _register()


def _being_imported(names) -> bool:
    specs = (getattr(sys.modules.get(name), "__spec__", None) for name in names)
    return any(getattr(spec, "_initializing", False) for spec in specs)


def _register() -> None:
    """Imports the files; what stands in the way is told, and is no reason to fail the import of somebody else."""
    try:
        for name in FILES:
            importlib.import_module(name)
    except ImportError as error:
        warnings.warn(f"saved models with classes of supcon_tf cannot be loaded: {error}", stacklevel=2)
