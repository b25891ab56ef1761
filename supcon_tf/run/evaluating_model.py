"""What a model file of anybody is worth: the same measures as of a run, kept in a directory beside the file."""

from __future__ import annotations

import pathlib
from typing import Callable, Optional, Union

from supcon_tf.config import Data, Model
from supcon_tf.distribution.strategy import make_strategy
from supcon_tf.keras_generations import own_random_state
from supcon_tf.names import MEASURES, QUICK_MEASURES, one_of
from supcon_tf.paths import shown
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.model_files import check_place, kind_of, place_of
from supcon_tf.report.model_page import write_model_page
from supcon_tf.run.evaluating import measure
from supcon_tf.run.model_file import open_model
from supcon_tf.run.predictions import Predictor


def evaluate_model(
    path: Union[str, pathlib.Path],
    model: Model,
    data: Data,
    *,
    to: Optional[Union[str, pathlib.Path]] = None,
    data_dir: Optional[str] = None,
    strategy: str = "one_device",
    replicas: int = 0,
    **how,
) -> list[dict]:
    """Measures a Keras file or a SavedModel, whoever made it.

    Features and logits of each split are computed once and kept with the sum of the file and all that was said of it;
    what stands in `measures.json` of the same file, data and software is not measured again.

    Args:
        path: of a `.keras` or `.h5` file, or the directory of a SavedModel; one that `launch.export` wrote, too.
        model: how it wants images and what it gives; of an export nothing.
        data: the images, of the classes that it answers.
        to: directory for `measures.json`, `report.html` and `predictions/`; default `MODEL.measures` beside it
            (`records.model_files.place_of`).
        data_dir: where TFDS data sets are prepared; default `data` inside `to`.
        strategy, replicas: as in `evaluate_run`.
        how: `measures`, `robustness` and `told` as in `evaluate_run`; `told` is handed how the model is read, too.

    Returns:
        As `evaluate_run`.

    Raises:
        ValueError: it is no model, is not as `model` says, or gives something else; `to` holds other things; or as
            `evaluate_run`.
        OSError, MemoryError: as `evaluate_run`.

    Example:
        >>> evaluate_model("nowhere.keras", Model(output="logits", range="0..255"), Data(name="digits"))
        Traceback (most recent call last):
        ValueError: there is no model file nowhere.keras.
    """
    path, measures = pathlib.Path(path), list(how.pop("measures", QUICK_MEASURES))
    for name in measures:
        one_of("measures", name, MEASURES)
    kind_of(path)
    directory = RunDirectory(to or place_of(path))
    check_place(directory.path, path)
    told: Callable[[str], None] = how.get("told", lambda line: None)
    data_dir = data_dir or str(directory.path / "data")
    with own_random_state(0):
        devices = make_strategy(strategy, replicas=replicas)
        with devices.scope():
            opened = open_model(path, model)
        with directory.held():
            predictor = Predictor(directory, opened, data, data_dir, devices)
            described = predictor.trained.described()
            for line in described:
                told(line)
            predictor.of("test")  # Answers that are not what was said of them end here, and not as a missing measure.
            entries = measure(predictor, directory, measures, data_dir=data_dir, **how)
            directory.verify()
            write_model_page(directory, path.name, described)
    told(f"measures, predictions and report.html: {shown(str(directory.path))}")
    return entries
