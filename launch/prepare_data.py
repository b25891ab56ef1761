"""Prepares or checks a data set, and shows it: its facts, a picture of its images, and what the network sees of them.

    python -m launch.prepare_data --data.name=digits --workdir=runs/look
    python -m launch.prepare_data --data.name=folder:PHOTOS --data.broken_images=skip --workdir=runs/look
    python -m launch.prepare_data --data.name=cifar10 --data_dir=DATA_DIR --download --workdir=runs/look
    python -m launch.prepare_data --experiment=cifar10.supcon_small --data_dir=DATA_DIR --preview --workdir=runs/look

Any field of the experiment is a flag. Nothing is downloaded without --download. What the set holds and a run would not
read is listed as left out. Pictures go to --workdir: samples.png, and with --preview views_STAGE.png, where each row is
an image and views of it as that stage draws them.
"""

from __future__ import annotations

import itertools
import pathlib

import numpy as np
from absl import flags

from launch import catalogue
from launch.endings import plain_endings, quiet
from launch.flags import chosen, define_directory, run_app
from supcon_tf.config import Experiment
from supcon_tf.paths import is_remote, resolved, shown, spellable

FLAGS = flags.FLAGS

flags.DEFINE_string("experiment", "digits.supcon", "whose data and augmentation: a module under experiments/")
define_directory("workdir", "directory that the pictures are written to; made if absent")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the workdir")
flags.DEFINE_bool("download", False, "let TFDS download and prepare the set into --data_dir, which needs a network")
flags.DEFINE_bool("preview", False, "write the augmented views of every stage of the experiment, too")
flags.DEFINE_bool("transfer_sets", False, "only list the twelve data sets of the paper's transfer table")

ROWS, COLUMNS = 10, 8
NAMED_CLASSES = 20
UNKNOWN_SIDE = 96  # pixels of a picture where images differ in size and the experiment names none


def main(argv: list[str]) -> None:
    """Checks the command before TensorFlow is loaded, then loads the set."""
    del argv  # absl has parsed it
    quiet()
    with plain_endings(afterwards="the same command begins again, and knows what it has checked"):
        if FLAGS.transfer_sets:
            print(transfer_table())
            return
        experiment = chosen(catalogue.load(FLAGS.experiment))
        if not FLAGS.workdir:
            raise ValueError("say where the pictures go: --workdir=runs/look.")
        workdir = pathlib.Path(resolved(FLAGS.workdir))
        if workdir.exists() and not workdir.is_dir():
            raise ValueError(f"{shown(str(workdir))} is a file; name another --workdir.")
        data_dir = FLAGS.data_dir or str(workdir / "data")
        if FLAGS.download:
            download(experiment.data.name, data_dir)
        source = _load(experiment, data_dir)
        print(facts_table(source), flush=True)
        workdir.mkdir(parents=True, exist_ok=True)
        _save_pictures(source, experiment, workdir)


def download(name: str, data_dir: str) -> None:
    """Lets TFDS fetch and prepare a set, as the user asked for in so many words."""
    if name == "digits" or name.startswith("folder:"):
        raise ValueError(f"there is nothing to download for {name!r}; leave --download out.")
    from supcon_tf.data.sets.prepared import prepared

    data_dir = resolved(data_dir)
    if name in prepared(data_dir):
        print(f"{name} lies ready in {shown(data_dir)}.", flush=True)
        return
    import tensorflow_datasets as tfds

    from supcon_tf.data.sets.tfds_files import system_error
    from supcon_tf.failures import first_line

    try:
        if not is_remote(data_dir):
            pathlib.Path(data_dir).mkdir(parents=True, exist_ok=True)
        tfds.builder(name, data_dir=spellable(data_dir)).download_and_prepare()
    except Exception as error:  # Whatever a builder, its server or the disk comes up with: say which set it was.
        refused = system_error(error)
        if refused:
            said = f"{name!r} cannot be prepared ({refused.strerror}); make room, or name another --data_dir"
            raise OSError(refused.errno, said, shown(data_dir)) from error
        raise ValueError(f"TFDS could not prepare {name!r} in {shown(data_dir)}: {first_line(error)}") from error


def facts_table(source) -> str:
    """What a run would know of the set, a line each."""
    facts = source.facts
    height, width, channels = facts.image_shape
    by_number = source.fetch("train") is not None
    lines = [
        ("data set", facts.name),
        ("images", f"{'any size' if height is None else f'{height} x {width}'}, {'grey' if channels == 1 else 'RGB'}"),
        ("training images", f"{facts.train_examples:,}"),
        ("test images", f"{facts.test_examples:,} ({facts.test_split})" if facts.test_examples else "none"),
        ("classes", f"{facts.classes}" if facts.labelled else "none: images without labels"),
        ("whitening", f"mean {_listed(facts.mean)}, deviation {_listed(facts.std)}"),
        ("shuffled", "as a whole" if by_number else "in blocks, as it is read from disk"),
        ("left out", facts.left_out or "nothing"),
    ]
    if by_number and facts.labelled:  # Otherwise the whole set would have to be read for its labels.
        labels = source.labels("train")
        known = labels if facts.label_sets else labels[labels >= 0]
        counts = np.sum(labels > 0, 0) if facts.label_sets else np.bincount(known, minlength=facts.classes)
        if len(known) < len(labels):
            lines.append(("without a label", f"{len(labels) - len(known):,}"))
        if facts.label_sets:
            lines.append(("labels of an image", f"{np.mean(np.sum(labels > 0, 1)):.2f} on average"))
        lines.append(("images of a class", f"{counts.min():,} to {counts.max():,}, median {np.median(counts):,.0f}"))
        lines += [(f"  {name}", f"{count:,}") for name, count in list(zip(facts.class_names, counts))[:NAMED_CLASSES]]
        if facts.classes > NAMED_CLASSES:
            lines.append((f"  and {facts.classes - NAMED_CLASSES} more", ""))
    return "\n".join(f"{name:<22}{value}".rstrip() for name, value in lines)


def transfer_table() -> str:
    """The twelve data sets of the paper's Table 4."""
    from supcon_tf.data.sets.transfer import TRANSFER_SETS

    lines = [f"{'data set':<19}{'TFDS':<27}{'train':<18}{'test':<12}{'classes':>7}  {'measure':<16}note"]
    lines += [
        f"{name:<19}{row.tfds or '-':<27}{row.train:<18}{row.test:<12}{row.classes:>7}  {row.measure:<16}{row.note}"
        for name, row in TRANSFER_SETS.items()
    ]
    return "\n".join(line.rstrip() for line in lines)


def _load(experiment: Experiment, data_dir: str):
    # These load TensorFlow: seconds that a misspelt flag should not cost.
    from supcon_tf.data.sets.load import load_source
    from supcon_tf.data.sets.selection import selected

    source = load_source(data_dir=data_dir, **experiment.data.source)
    return selected(source, seed=experiment.seed, **experiment.data.selection)


def _save_pictures(source, experiment: Experiment, workdir: pathlib.Path) -> None:
    from supcon_tf.data.sets.source import reading

    with reading(source):
        for name, rows in _pictures(source, experiment):
            _save(workdir / name, rows)


def _pictures(source, experiment: Experiment):
    """Name of a file, and rows of images float [k, n, S, S, ch] in [0, 1]."""
    from supcon_tf.augment.evaluation_crops import evaluation_crop
    from supcon_tf.data import pictures

    known = experiment.data.image_size or source.facts.image_shape[0]
    size = known or UNKNOWN_SIDE
    crop = evaluation_crop(size=size)
    numbers = _of_every_class(source) if source.fetch("train") and source.facts.labelled else _first(source)
    shown = pictures.pictures(source, "train", np.sort(numbers, axis=None), crop=crop)
    order = np.argsort(np.argsort(numbers, axis=None))  # Pictures come by ascending number.
    yield "samples.png", shown[order].reshape(*numbers.shape, *shown.shape[1:])
    if not FLAGS.preview:
        return
    if not known:
        raise ValueError(f"images of {source.facts.name} differ in size: set `data.image_size`, for instance to 224.")
    yield from _previews(source, experiment, crop, size)


def _previews(source, experiment: Experiment, crop, size: int):
    """For each stage a picture of images and of the views that it draws of them."""
    from supcon_tf.augment.views import several
    from supcon_tf.data import pictures
    from supcon_tf.run.recipe import augmentation_of

    for name in experiment.stages:
        views = several(augmentation_of(experiment, name, size), count=COLUMNS - 1)
        drawn = pictures.preview(source, ROWS, views=views, seed=experiment.seed)  # [k, V, S, S, ch]
        stored = pictures.pictures(source, "train", range(len(drawn)), crop=crop)
        yield f"views_{name}.png", np.concatenate([stored[:, None], drawn], axis=1)


def _of_every_class(source) -> np.ndarray:
    """Numbers of the first images of each of the first classes, int [k, n]; a class with too few repeats them.

    The first images of all where none has a label.
    """
    labels = source.labels("train")

    def members(number: int) -> np.ndarray:
        return np.flatnonzero(labels[:, number] > 0 if source.facts.label_sets else labels == number)

    found = list(itertools.islice(filter(len, map(members, range(source.facts.classes))), ROWS))
    return np.stack([np.resize(numbers[:COLUMNS], COLUMNS) for numbers in found]) if found else _first(source)


def _first(source) -> np.ndarray:
    """Numbers of the first images, int [k, n]; a set of too few repeats them."""
    count = source.count("train")
    return np.resize(np.arange(count), (min(ROWS, -(-count // COLUMNS)), COLUMNS))


def _save(path: pathlib.Path, rows: np.ndarray) -> None:
    import PIL.Image
    import PIL.PngImagePlugin

    from supcon_tf.data.sets.own_files import PICTURE_NOTE
    from supcon_tf.records.files import replace
    from supcon_tf.report.thumbnails import sheet

    pixels, note = sheet(rows), PIL.PngImagePlugin.PngInfo()
    note.add_text(*PICTURE_NOTE)  # A folder of images that this is written into must not take it for one of them.
    image = PIL.Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    replace(path, lambda file: image.save(file, "png", pnginfo=note))
    print(f"{shown(str(path))}: {len(rows)} rows of {rows.shape[1]} images", flush=True)


def _listed(values) -> str:
    return ", ".join(f"{value:g}" for value in values)


if __name__ == "__main__":
    run_app(main, experiment_flag="experiment", usage=__doc__, default=True)
