"""Stored corrupted images: found by looking, each corruption where it lies, and never a part for the whole."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from tensorflow_datasets.datasets.imagenet2012_corrupted import imagenet2012_corrupted_dataset_builder as imagenet_c
from tensorflow_datasets.image_classification import cifar10_corrupted

from supcon_tf.data.sets import corrupted_set as module
from supcon_tf.data.sets.cifar import CIFAR10, CIFAR100
from supcon_tf.data.sets.corrupted_set import EXTRA, OTHER_NAMES, corrupted_set, known, require_classes
from supcon_tf.data.sets.prepared import DataNotPrepared
from supcon_tf.data.sets.source import Facts
from supcon_tf.names import CORRUPTIONS, SEVERITIES
from tests.data import corrupted_images as stored

CLASSES = ["north", "south", "west"]
LAYOUTS = ("arrays", "folders", "groups", "tfds", "imagenet in tfds")


def written(layout, place, images=None):
    """A set in one layout; returns what `corrupted_set` is told."""
    images = stored.numbered() if images is None else images
    if layout == "arrays":
        stored.write_arrays(place / "c", images, stored.LABELS)
    elif layout == "tfds":
        stored.write_tfds(place, images, stored.LABELS)
        return "cifar10_corrupted", place
    elif layout == "imagenet in tfds":
        how = {"name": "imagenet2012_corrupted", "split": "validation", "names": {}, "class_names": CLASSES}
        stored.write_tfds(place, images, stored.LABELS, **how)
        return "tfds:imagenet2012_corrupted:1.0.0", place
    else:
        group = (lambda name: f"group {len(name)}") if layout == "groups" else None
        stored.write_folders(place / "c", images, stored.LABELS, CLASSES, group)
    return f"folder:{place / 'c'}", place / "data"


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """The same images in every layout."""
    return {layout: written(layout, tmp_path_factory.mktemp("stored")) for layout in LAYOUTS}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name, severity", [("glass_blur", 2), ("elastic_transform", 5), ("gaussian_noise", 1)])
def test_images_and_labels_are_those_that_were_stored(layout, name, severity, sets):
    source = corrupted_set(*map(str, sets[layout])).opened(name, severity)
    fetch, seen = source.fetch("test"), {}
    assert source.count("test") == stored.EACH
    for number in range(stored.EACH):
        image, label = (tensor.numpy() for tensor in fetch(number))
        of, told, k = image[0, 0]
        assert (of, told) == (10 + CORRUPTIONS.index(name), severity)
        seen[int(k)] = int(label)
    assert seen == dict(enumerate(stored.LABELS.tolist()))  # in whatever order of the images


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_of_the_75_is_one_that_lies_there(layout, sets, monkeypatch):
    """Every place is opened by exactly one corruption and severity, and none is left."""
    places = []
    monkeypatch.setattr(module, "Folder", lambda path, known_in, layout_of: places.append(path))
    monkeypatch.setattr(module, "TfdsSet", lambda config, data_dir, **how: places.append(config.partition(":")[0]))
    monkeypatch.setattr(module.corrupted_arrays, "Arrays", lambda name, images, labels, names: places.append(name))
    found = corrupted_set(*map(str, sets[layout]))
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            found.opened(name, severity)
            place, _, last = places[-1].replace(" ", "/").replace("_", "/").rpartition("/")
            if layout == "tfds":
                name_there = stored.TFDS_NAMES.get(name, name)
                assert places[-1] == f"cifar10_corrupted/{name_there}_{severity}"
            assert last == str(severity) and (layout == "tfds" or place.endswith(name.replace("_", "/")))
    assert len(set(places)) == len(CORRUPTIONS) * len(SEVERITIES) == 75


def test_names_are_those_of_tfds_own_sources():
    """Their table says which published file is behind which name."""
    for theirs, file in cifar10_corrupted._CORRUPTIONS_TO_FILENAMES.items():
        name = file.removesuffix(".npy")
        assert known(theirs) == (None if name in EXTRA else name)
    assert [known(name) for name in cifar10_corrupted.BENCHMARK_CORRUPTIONS] == list(CORRUPTIONS)
    assert [known(name) for name in imagenet_c.BENCHMARK_CORRUPTIONS] == list(CORRUPTIONS)
    assert set(EXTRA) == set(imagenet_c.EXTRA_CORRUPTIONS) == set(cifar10_corrupted.EXTRA_CORRUPTIONS)
    assert set(OTHER_NAMES.values()) < set(CORRUPTIONS) and not set(OTHER_NAMES) & set(CORRUPTIONS)


@pytest.mark.parametrize("layout", ["arrays", "folders", "groups", "tfds"])
def test_what_is_missing_is_named(layout, tmp_path):
    images = stored.numbered()
    del images["fog"]
    where, data_dir = written(layout, tmp_path, images)
    expected = r"lacks corrupted images.*\n  fog: all severities"
    if layout == "groups":
        shutil.rmtree(tmp_path / "c" / "group 5" / "frost" / "3")
        expected = r"\n  frost: severity 3\n  fog: all severities$"
    with pytest.raises(ValueError, match=expected):
        corrupted_set(where, str(data_dir))


def test_extra_corruptions_are_left_out_and_told(tmp_path):
    images = stored.numbered()
    where, data_dir = written("arrays", tmp_path, {**images, "saturate": images["fog"], "spatter": images["fog"]})
    assert corrupted_set(where, str(data_dir)).left_out == ("saturate", "spatter")


def test_what_could_be_meant_in_two_ways_is_refused(tmp_path):
    where, data_dir = written("folders", tmp_path / "one")
    shutil.copytree(tmp_path / "one" / "c" / "fog", tmp_path / "one" / "c" / "weather" / "fog")
    with pytest.raises(ValueError, match=r"fog lies in .*c/fog and in .*weather/fog: which is it"):
        corrupted_set(where, str(data_dir))
    where, data_dir = written("folders", tmp_path / "two")
    shutil.copytree(tmp_path / "two" / "c" / "elastic_transform", tmp_path / "two" / "c" / "elastic")
    with pytest.raises(ValueError, match=r"elastic_transform lies in .*c/elastic.* and in .*which is it"):
        corrupted_set(where, str(data_dir))
    where, data_dir = written("folders", tmp_path / "three")
    np.save(tmp_path / "three" / "c" / "fog.npy", np.zeros(1))
    with pytest.raises(ValueError, match=r"has arrays .fog. and folders"):
        corrupted_set(where, str(data_dir))


def test_what_is_no_such_set_says_what_is_accepted(tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        corrupted_set(f"folder:{tmp_path / 'nowhere'}", str(tmp_path))
    with pytest.raises(ValueError, match=r"holds no corrupted images. A set of corrupted images is TFDS's"):
        corrupted_set(f"folder:{tmp_path}", str(tmp_path))
    with pytest.raises(DataNotPrepared, match="No corrupted images of 'cifar10_corrupted' lie in"):
        corrupted_set("cifar10_corrupted", str(tmp_path))
    with pytest.raises(DataNotPrepared, match=f"Write folder:{tmp_path} for a folder"):
        corrupted_set(str(tmp_path), str(tmp_path))


def facts(*names):
    return Facts("stored", len(names), names, (8, 8, 3), 0, 6, "test", (0.5,), (0.5,))


NUMBERS = tuple(map(str, range(10)))


@pytest.mark.parametrize(
    "theirs, ours",
    [(CIFAR10, CIFAR10), (NUMBERS, CIFAR10), (NUMBERS, NUMBERS), (tuple(map(str, range(100))), CIFAR100)],
)
def test_classes_that_are_the_classifiers(theirs, ours):
    require_classes(facts(*theirs), ours)


@pytest.mark.parametrize(
    "theirs, ours, message",
    [
        (NUMBERS, CIFAR100, "numbers its 10 classes.*classifier's 100 are called apple"),
        (NUMBERS, ("plane", *CIFAR10[1:]), "which number is which class is not known"),
        (NUMBERS, CIFAR10[::-1], "which number is which class is not known"),
        (CIFAR10[:9], CIFAR10, r"has 9 classes that are not the classifier's 10 \(missing: truck; not .*: none\)"),
        (CIFAR10[::-1], CIFAR10, "other order"),
    ],
)
def test_other_classes_are_refused(theirs, ours, message):
    with pytest.raises(ValueError, match=message):
        require_classes(facts(*theirs), ours)


def test_the_classes_of_cifar_are_whole_and_in_their_order():
    for names, count in ((CIFAR10, 10), (CIFAR100, 100)):
        assert len(set(names)) == count and list(names) == sorted(names)


@pytest.mark.slow
def test_tfds_itself_makes_what_is_read(tmp_path):
    """TFDS's own builder, from arrays of the published layout: its names, its files, its order."""
    import tensorflow_datasets as tfds

    images = stored.numbered((32, 32, 3))
    stored.write_arrays(tmp_path / "CIFAR-10-C", images, np.arange(stored.EACH) % 3)
    for name in cifar10_corrupted.BENCHMARK_CORRUPTIONS:
        for severity in (1, 5):
            builder = cifar10_corrupted.Cifar10Corrupted(config=f"{name}_{severity}", data_dir=str(tmp_path / "data"))
            split = tfds.core.SplitGenerator(name="test", gen_kwargs={"data_dir": str(tmp_path / "CIFAR-10-C")})
            builder._split_generators = lambda manager, split=split: [split]
            builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    with pytest.raises(ValueError, match="gaussian_noise: severity 2, 3, 4"):
        corrupted_set("cifar10_corrupted", str(tmp_path / "data"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "SEVERITIES", (1, 5))
        found = corrupted_set("cifar10_corrupted", str(tmp_path / "data"))
    for name in CORRUPTIONS:
        source = found.opened(name, 5)
        fetch = source.fetch("test")
        seen = {tuple(fetch(k)[0].numpy()[0, 0].tolist()): int(fetch(k)[1]) for k in range(stored.EACH)}
        assert seen == {(10 + CORRUPTIONS.index(name), 5, k): k % 3 for k in range(stored.EACH)}
        require_classes(source.facts, CIFAR10)
