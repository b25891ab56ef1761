"""Transfer to small sets that are called as those of the paper: choice, measure, record, against scikit-learn."""

from __future__ import annotations

import functools
import json
import shutil
import warnings

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from supcon_tf.data.sets.digits import LocalInfo
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.selection import held_out_numbers
from supcon_tf.data.sets.transfer import TABLE_4, TRANSFER_SETS, tasks
from supcon_tf.evaluation.average_precision import mean_average_precision
from supcon_tf.evaluation.linear_probe import linear_probe
from supcon_tf.run import transferring
from supcon_tf.run.transferring import Asked, table, transfer
from supcon_tf.transfer_budget import Budget
from tests.data import image_folder

COUNTS = {"train": 200, "validation": 100, "test": 150}
NAMES = ("even", "small", "round")


class Small(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Digits in three splits; labels of `garbage` are drawn at random. The config 2007 has sets of labels."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="one"), tfds.core.BuilderConfig(name="2007")]  # noqa: RUF012
    garbage = ""

    @property
    def sets(self):
        return self.builder_config.name == "2007"

    def _info(self):
        image = tfds.features.Image(shape=(8, 8, 1), dtype=np.uint8)
        several = tfds.features.Sequence(tfds.features.ClassLabel(names=NAMES))
        one = tfds.features.ClassLabel(num_classes=10)
        labels = {"labels": several, "labels_no_difficult": several} if self.sets else {"label": one}
        return LocalInfo(builder=self, features=tfds.features.FeaturesDict({"image": image, **labels}))

    def _split_generators(self, dl_manager):
        ends = np.cumsum([0, *COUNTS.values()])
        return {name: self._generate_examples(name, range(*ends[k : k + 2])) for k, name in enumerate(COUNTS)}

    def _generate_examples(self, split, numbers):
        digits, random = load_digits(), np.random.default_rng(1)
        for number in numbers:
            digit = int(digits.target[number]) if split != self.garbage else int(random.integers(10))
            image = np.round(digits.images[number] * 15).astype(np.uint8)[..., None]
            present = [k for k, yes in enumerate((digit % 2 == 0, digit < 4, digit in (0, 3, 6, 8, 9))) if yes]
            labels = {"labels": present, "labels_no_difficult": [k for k in present if number % 7 or k]}
            yield number, {"image": image, **(labels if self.sets else {"label": digit})}


def prepare(data_dir, garbage=""):
    """A data directory with "dtd", and "voc/2007"."""
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    maker = type("Small", (Small,), {"garbage": garbage, "__module__": __name__}, skip_registration=True)
    for kind, name in (("one", "dtd"), ("2007", "voc")):
        maker(data_dir=str(data_dir), config=kind).download_and_prepare(download_config=config)
        (data_dir / "small").rename(data_dir / name)
    for version in (data_dir / "dtd" / "one").iterdir():
        version.rename(data_dir / "dtd" / version.name)
    (data_dir / "dtd" / "one").rmdir()
    return str(data_dir)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """From the split whose labels are garbage, or "", to a data directory."""
    return functools.lru_cache(lambda garbage: prepare(tmp_path_factory.mktemp("data"), garbage))


@pytest.fixture
def run(trained_run, tmp_path):
    return shutil.copytree(trained_run, tmp_path / "run")


# Features of a network that has hardly trained are nearly equal: weak penalties take L-BFGS long, so tests have few.
FEW = np.logspace(-2, 2, 5)


@pytest.fixture(autouse=True)
def _few_penalties(monkeypatch):
    monkeypatch.setattr(transferring, "linear_probe", few_penalties)


def few_penalties(*arrays, **how):
    return linear_probe(*arrays, penalties=FEW, **how)


@pytest.fixture(scope="module")
def linear(trained_run, prepared, tmp_path_factory):
    """(run, rows by name, what was told) of a call for sets of every kind."""
    run = shutil.copytree(trained_run, tmp_path_factory.mktemp("linear") / "run")
    colours, told = tmp_path_factory.mktemp("colours"), []
    for label in ("a", "b"):
        image_folder.write_plain(colours / label, 10)
    names = ["dtd", "voc2007", "caltech101=dtd", "food101", "birdsnap", f"folder:{colours}"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transferring, "linear_probe", few_penalties)
        rows = transfer(run, tasks(names), Asked(seeds=(4,), told=told.append), data_dir=prepared(""))
    return run, {row.name: row for row in rows}, told


def arrays(run, name, *, official):
    """(features, labels) that are kept of a set by split: as TFDS has them, or "train" and "test" as they are usual."""
    found = {}
    for path in (run / "predictions").glob(f"{name}-*.npz"):
        file = np.load(path)
        made = json.loads(file["made"].tobytes())
        split = made["data"][f"{made['split']}_split"] if official else made["split"]
        if bool(made["data"]["train_split"]) == official:
            found[split] = file["embeddings"].astype(np.float64), file["labels"]
    return found


def sklearns(train, penalty):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped at the last digit
        return LogisticRegression(C=1 / penalty, solver="newton-cg", tol=1e-10, max_iter=10_000).fit(*train)


def joined(*parts):
    return tuple(np.concatenate(pair) for pair in zip(*parts))


@pytest.mark.slow
def test_official_validation_chooses_and_the_number_is_scikit_learns(linear):
    run, rows, _ = linear
    entry, kept = rows["dtd"].entry, arrays(run, "dtd", official=True)
    assert {name: len(labels) for name, (_, labels) in kept.items()} == COUNTS
    (number,), penalty = entry["numbers"], entry["chosen"]["penalty"]
    scores = [sklearns(kept["train"], other).score(*kept["validation"]) for other in FEW]
    assert penalty == FEW[np.flatnonzero(scores == np.max(scores))[-1]] and entry["chosen"]["converged"]
    assert entry["chosen"]["validation"] == pytest.approx(max(scores))
    theirs = sklearns(joined(kept["train"], kept["validation"]), penalty)
    assert number["value"] == pytest.approx(theirs.score(*kept["test"]), abs=0.01) and number["n"] == 150
    assert number["interval"][0] < number["value"] < number["interval"][1] and number["value"] > 0.12
    assert "100 official validation images" in number["protocol"] and (run / "report.html").exists()
    # What the report takes.
    assert (entry["measure"], number["name"], number["unit"]) == ("transfer_linear", "transfer_linear", "share")
    assert number["details"] == {"set": "dtd", "measure": "top-1"} and entry["made"]["data"]["name"] == "dtd"
    written = json.loads((run / "measures.json").read_text())["measures"]
    assert written == [row.entry for row in rows.values() if row.entry] and entry["seconds"] > 0


@pytest.mark.slow
def test_sets_of_labels_are_measured_by_average_precision(linear):
    run, rows, _ = linear
    entry, kept = rows["voc2007"].entry, arrays(run, "voc_2007", official=True)
    (number,), (features, labels) = entry["numbers"], joined(kept["train"], kept["validation"])
    assert set(np.unique(labels)) == {-1, 0, 1} and number["details"] == {"set": "voc2007", "measure": "11-point mAP"}
    scores = []
    for column in labels.T:
        fitted = sklearns((features[column >= 0], column[column >= 0]), entry["chosen"]["penalty"])
        scores.append(fitted.decision_function(kept["test"][0]))
    expected = mean_average_precision(np.stack(scores, 1), kept["test"][1])
    assert number["value"] == pytest.approx(expected, abs=0.01) and number["interval"] is None
    assert entry["made"]["data"]["name"] == "voc2007" and entry["made"]["data"]["source"] == "voc/2007"


@pytest.mark.slow
def test_without_official_validation_images_a_fifth_is_held_out(linear):
    run, rows, _ = linear
    entry, kept = rows["caltech101"].entry, arrays(run, "dtd", official=False)
    assert entry["numbers"][0]["details"]["measure"] == "mean per class"
    held = held_out_numbers(300, 0.2, 4)  # of what DTD's final model is trained on: `caltech101` is read from there
    part, features, labels = np.setdiff1d(np.arange(300), held), *kept["train"]
    answers = sklearns((features[part], labels[part]), entry["chosen"]["penalty"]).predict(features[held])
    shares = [np.mean(answers[labels[held] == label] == label) for label in np.unique(labels[held])]
    assert len(labels) == 300 and entry["chosen"]["validation"] == pytest.approx(np.mean(shares), abs=1e-9)
    assert "60 held out of train" in entry["numbers"][0]["protocol"]


@pytest.mark.slow
def test_sets_that_are_not_there_or_do_not_fit_are_a_line_each(linear):
    _, rows, told = linear
    why = {name.split(":")[0]: row.why_not for name, row in rows.items()}
    assert why["food101"] == why["birdsnap"] == "not prepared" and why["dtd"] == ""
    assert "have 3 channels; the run's networks take 1" in why["folder"]
    assert any("food101: Data set 'food101' is not prepared in" in line for line in told)
    assert any("TFDS has no 'birdsnap'" in line for line in told)
    lines = table(list(rows.values()), "resnet18").splitlines()
    assert lines[4].split() == ["food101", "linear", "not", "prepared"]
    assert lines[1].split()[:3] == ["dtd", "linear", "top-1"]


def test_a_set_of_one_class_an_image_has_no_average_precision(prepared, one_device):
    def predictor(data):
        source = load_source(data_dir=prepared(""), **data.source)
        return type("Predicts", (), {"source": source})()

    (task,) = tasks(["voc2007=dtd"])
    with pytest.raises(ValueError, match="an image of dtd has one class, and 11-point mAP is of images with several"):
        transferring.Target(task, predictor, 0)


@pytest.mark.guard
def test_garbage_in_the_test_changes_no_choice_and_garbage_in_validation_does(run, prepared):
    rows = {}
    for garbage in ("", "test", "validation"):
        shutil.rmtree(run / "predictions", ignore_errors=True)
        (rows[garbage],) = transfer(run, tasks(["dtd"]), Asked(), data_dir=prepared(garbage))
        (run / "measures.json").unlink()
    chosen = {garbage: row.entry["chosen"] for garbage, row in rows.items()}
    value = {garbage: row.entry["numbers"][0]["value"] for garbage, row in rows.items()}
    assert chosen["test"] == chosen[""] and value["test"] != value[""]
    assert chosen["validation"]["penalty"] != chosen[""]["penalty"]  # control: it is what decides


@pytest.mark.slow
def test_what_is_measured_is_not_measured_again(run, prepared, monkeypatch):
    first = transfer(run, tasks(["dtd"]), Asked(), data_dir=prepared(""))
    monkeypatch.setattr(transferring, "linear_probe", None)
    told = []
    assert transfer(run, tasks(["dtd"]), Asked(told=told.append), data_dir=prepared("")) == first
    assert told == ["dtd, linear: measured before"]


def test_the_paper_is_beside_what_it_measured():
    assert all(set(row) == set(TRANSFER_SETS) for row in TABLE_4.values())
    number = {"name": "transfer_fine_tune", "value": 0.5, "unit": "share", "protocol": "", "n": 10, "interval": None,
              "details": {"set": "dtd", "measure": "top-1"}}  # fmt: skip
    entry = {"numbers": [number], "chosen": {"learning_rate": 0.1}}
    rows = [transferring.Row("dtd", way, entry) for way in ("fine_tune", "linear")]
    fine, linear = table(rows, "resnet200").splitlines()[1:]
    assert "74.26" in fine and "74.26" not in linear and "74.60" in table(rows, "resnet18")
    assert np.mean(list(TABLE_4["SupCon-50"].values())) == pytest.approx(84.85, abs=0.01)
    assert np.mean(list(TABLE_4["SupCon-200"].values())) == pytest.approx(86.32, abs=0.01)


BUDGET = Budget(steps=10, batch_size=40, rates=(0.003, 0.3), decays=(0.0,), crop_area=(0.6, 1.0), flip=False)


@pytest.mark.slow
def test_fine_tuning_chooses_on_validation_too(run, prepared):
    """On garbage labels both rates are as good as guesses; the choice is then another, or its score is."""
    rows = {}
    for garbage in ("", "test", "validation"):
        shutil.rmtree(run / "transfer", ignore_errors=True)
        asked = Asked(ways=("fine_tune",), budget=BUDGET)
        (rows[garbage],) = transfer(run, tasks(["dtd"]), asked, data_dir=prepared(garbage))
        (run / "measures.json").unlink()
    chosen = {garbage: row.entry["chosen"] for garbage, row in rows.items()}
    assert chosen["test"] == chosen[""] and chosen["validation"] != chosen[""]
    assert rows["test"].entry["numbers"][0]["value"] != rows[""].entry["numbers"][0]["value"]
    last = max((run / "transfer").glob("*/*/evaluation.npz"), key=lambda path: path.stat().st_mtime)
    kept = np.load(last)
    assert len(kept["labels"]) == 150
    value = rows["validation"].entry["numbers"][0]["value"]
    assert np.mean(kept["predictions"] == kept["labels"]) == pytest.approx(value)


@pytest.mark.slow
def test_sets_of_labels_are_fine_tuned(run, prepared):
    asked = Asked(ways=("linear", "fine_tune"), budget=BUDGET._replace(rates=(0.1,)), seeds=(0, 1))
    linear, tuned = transfer(run, tasks(["voc2007"]), asked, data_dir=prepared(""))
    number = tuned.entry["numbers"][0]
    assert number["details"] == {"set": "voc2007", "measure": "11-point mAP"} and "over 2 seeds" in number["protocol"]
    assert 0 < number["value"] < 1 and linear.entry["numbers"][0]["value"] > 0
    summaries = [json.loads(path.read_text()) for path in (run / "transfer").glob("*/*/summary.json")]
    tested = [each["test_mean_average_precision"] for each in summaries if each["test_images"] == 150]
    assert len(tested) == 2 and np.mean(tested) == pytest.approx(number["value"])
