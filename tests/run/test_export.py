"""An export is whole, says what it is, and works where this package is not."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from supcon_tf.records.directory import RunDirectory
from supcon_tf.run import export as module
from supcon_tf.run.export import export_run
from supcon_tf.run.restored import restored, source_of
from tests.run.conftest import TRAINED

ROOT = pathlib.Path(__file__).parents[2]

# Loads a program where nobody can import this package, and keeps its answers.
ELSEWHERE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("supcon_tf", "launch"):
            raise ModuleNotFoundError(f"{name} is hidden")

sys.meta_path.insert(0, Hidden())
try:
    import supcon_tf
except ModuleNotFoundError:
    print("hidden")
import numpy as np
import tensorflow as tf

program, images, answers = sys.argv[1:]
signatures = tf.saved_model.load(program).signatures
pixels = np.load(images)["images"]
files = tf.constant([tf.io.encode_jpeg(image, quality=100).numpy() for image in pixels])
of_pixels, of_files = signatures["serving_default"](images=pixels), signatures["jpeg"](encoded=files)
found = {f"pixels_{key}": value.numpy() for key, value in of_pixels.items()}
found.update({f"files_{key}": value.numpy() for key, value in of_files.items()})
again = np.stack([tf.io.decode_jpeg(file, channels=1).numpy() for file in files.numpy()])
found["again"] = signatures["serving_default"](images=again)["features"].numpy()
found["label_names"] = found.pop("pixels_label_names").astype("U")
found.pop("files_label_names")
np.savez(answers, **found)
"""


@pytest.fixture(scope="module")
def exported(trained_run, tmp_path_factory):
    to = tmp_path_factory.mktemp("with_export") / "exported"
    export_run(RunDirectory(trained_run), to, data_licence="CC0")
    return to


def test_it_holds_what_it_says(exported):
    facts = json.loads((exported / "export.json").read_text())
    assert {path.name for path in exported.iterdir()} == {
        "README.md", "export.json", "encoder", "encoder.keras", "classifier", "classifier.keras",
    }  # fmt: skip
    assert set(facts["files"]) == {"encoder.keras", "encoder/", "classifier.keras", "classifier/"}
    assert "licence of the data: CC0" in (exported / "README.md").read_text()
    assert os.listdir(exported.parent) == ["exported"]


@pytest.mark.guard
def test_a_program_answers_where_this_package_cannot_be_imported(exported, trained_run, tmp_path):
    trained = restored(RunDirectory(trained_run), tf.distribute.get_strategy())
    source = source_of(trained, TRAINED.data, str(trained_run / "data"))
    images = np.stack([image for image, _ in map(source.fetch("test"), range(20))])
    np.savez(tmp_path / "images.npz", images=images)
    command = [sys.executable, "-I", "-c", ELSEWHERE, exported / "classifier", "images.npz", "answers.npz"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and ended.stdout == "hidden\n", ended.stderr
    found, recorded = np.load(tmp_path / "answers.npz"), np.load(trained_run / "evaluation.npz")
    np.testing.assert_allclose(found["pixels_features"], recorded["embeddings"][:20], atol=1e-5)
    np.testing.assert_array_equal(found["pixels_probabilities"].argmax(1), recorded["predictions"][:20])
    np.testing.assert_array_equal(found["label_names"].astype(int), recorded["predictions"][:20])
    np.testing.assert_allclose(found["files_features"], found["again"], atol=1e-5)


@pytest.mark.slow
def test_keras_files_are_loaded_in_a_fresh_process(exported):
    program = (
        "import sys, supcon_tf, tensorflow as tf\n"
        "for name in ('encoder', 'classifier'):\n"
        "    print(tf.keras.models.load_model(f'{sys.argv[1]}/{name}.keras')(tf.zeros([2, 8, 8, 1])).shape)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, exported], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout == "(2, 32)\n(2, 10)\n", ended.stderr


def test_a_run_without_a_classifier_exports_its_encoder_and_a_repetition_replaces(trained_run, exported, capsys):
    to = shutil.copytree(exported, exported.parent / "again")
    run = shutil.copytree(trained_run, exported.parent / "cut")
    shutil.rmtree(run / "checkpoints" / "linear")
    (run / "summary.json").unlink()
    files = export_run(RunDirectory(run), to)
    assert {name.rstrip("/") for name in files} == {path.name for path in to.iterdir()}
    assert (
        not (to / "classifier").exists() and "no classifier: the encoder alone is exported" in capsys.readouterr().out
    )
    card = (to / "README.md").read_text()
    assert "The run was not finished" in card and "licence of the data: unknown" in card and "Nothing." in card
    found = tf.saved_model.load(str(to / "encoder")).signatures["serving_default"]
    assert set(found(images=np.zeros([1, 8, 8, 1], np.uint8))) == {"features"}
    shutil.rmtree(to)
    shutil.rmtree(run)


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "No space left on device"),
    tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"),
])  # fmt: skip
def test_a_full_disk_leaves_nothing(error, trained_run, tmp_path, monkeypatch):
    def full(trained, path, classify):
        (pathlib.Path(path)).mkdir()
        raise error

    monkeypatch.setattr(module.serving, "save_program", full)
    with pytest.raises(OSError, match="the export could not be written \\(No space left on device\\)") as raised:
        export_run(RunDirectory(trained_run), tmp_path / "here")
    assert raised.value.errno == errno.ENOSPC and os.listdir(tmp_path) == []


def test_what_is_refused_is_refused_before_anything_is_loaded(trained_run, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ValueError, match="holds other things than an export"):
        export_run(RunDirectory(trained_run), tmp_path)
    with pytest.raises(ValueError, match="holds no run"):
        export_run(RunDirectory(tmp_path / "nowhere"), tmp_path / "new")
    assert os.listdir(tmp_path) == ["mine.txt"]


@pytest.mark.slow
def test_a_place_whose_name_is_no_utf8(trained_run, tmp_path):
    to = tmp_path / os.fsdecode(b"caf\xe9")
    export_run(RunDirectory(trained_run), to)
    assert (to / "classifier.keras").exists() and (to / "classifier" / "saved_model.pb").exists()


@pytest.mark.slow
def test_the_guide_serves_and_tunes_what_was_exported(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(exported, "exported")
    pixels = np.zeros([4, 12, 9, 1], np.uint8)
    pathlib.Path("photo.jpg").write_bytes(tf.io.encode_jpeg(pixels[0]).numpy())
    given = {"images": pixels, "whitened_images": np.zeros([4, 8, 8, 1], np.float32), "labels": np.arange(4)}
    guide = (ROOT / "docs" / "guides" / "use.md").read_text()
    blocks = re.findall(r"^```python\n(import .*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "use.md", "exec"), given)
