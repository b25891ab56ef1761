"""Programs beside each other in docs/guides/migrating.md: both sides give the same value, or differ as it is said.

The other side is run as it stands, with the library where it is installed, else with its formula under its name.
SupContrast, which no registry has, is always a formula.
"""

from __future__ import annotations

import importlib.util
import itertools
import pathlib
import re
import sys
import types

import numpy as np
import pytest

from tests.losses.test_parity import log_softmax_over_others, metric_learning_supcon, same_class_others

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "guides" / "migrating.md"
FENCES = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def sections() -> dict[str, str]:
    """Title to text; the lines before the first title are those of ""."""
    parts = re.split(r"^## (.*)\n", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(["", *parts[1::2]], parts[::2]))


def beside(text):
    """(theirs, ours) of every two programs beside each other."""
    found = [FENCES.findall(each) for each in re.findall(r'<div class="beside" markdown>\n(.*?)</div>', text, re.S)]
    assert all([language for language, _ in both] == ["py", "python"] for both in found)
    return [(theirs, ours) for (_, theirs), (_, ours) in found]


def values(theirs: list[str], ours: list[str]):
    """(theirs, ours): `value` after each of the programs of a section that gives one."""
    found = [], []
    for side, programs in zip(found, (theirs, ours)):
        names = {}
        for language, text in FENCES.findall(sections()[""]):
            exec(compile(text, language, "exec"), names)
        for program in programs:
            if "value = " in program:
                exec(compile(program, "migrating.md", "exec"), names)
                value = names["value"]
                side.append(float(value.detach() if hasattr(value, "detach") else value))
    return found


class SupContrast:
    """HobbitLong/SupContrast: times temperature / base_temperature, the mean over anchors, rows as they are."""

    def __init__(self, temperature=0.07, contrast_mode="all", base_temperature=0.07):
        self.temperature, self.mode, self.base = temperature, contrast_mode, base_temperature

    def __call__(self, features, labels=None):
        rows = np.concatenate(np.moveaxis(np.asarray(features, np.float64), 1, 0))  # [V B, D], view-major
        of_images = np.arange(len(features)) if labels is None else np.asarray(labels)
        positives = same_class_others(np.tile(of_images, len(rows) // len(of_images)))
        log_prob = log_softmax_over_others(rows, self.temperature)
        per_anchor = -np.where(positives, log_prob, 0).sum(1) / positives.sum(1)
        anchors = len(features) if self.mode == "one" else len(rows)
        return self.temperature / self.base * per_anchor[:anchors].mean()


def nt_xent(rows, labels, temperature):
    """pytorch-metric-learning's `NTXentLoss`: the mean over positive pairs, each against its anchor's negatives."""
    s, terms = rows @ rows.T / temperature, []
    for i, p in itertools.permutations(range(len(rows)), 2):
        if labels[i] == labels[p]:
            terms.append(np.log(1 + np.exp(s[i][labels != labels[i]] - s[i, p]).sum()))
    return np.mean(terms)


def simclr(first, second, temperature):
    """tensorflow_similarity 0.17's `SimCLRLoss`: the mean over images of what their two views cost together."""
    rows = np.concatenate([first, second]).astype(np.float64)
    log_prob, images = log_softmax_over_others(rows, temperature), len(first)
    return -2 * np.mean(log_prob[np.arange(2 * images), (np.arange(2 * images) + images) % (2 * images)])


def npairs(labels, products):
    """TensorFlow Addons' `npairs_loss`: cross-entropy of rows against their class, the row itself in it."""
    s, same = np.asarray(products, np.float64), labels[:, None] == labels[None, :]
    return np.mean(np.log(np.exp(s).sum(1)) - np.where(same, s, 0).sum(1) / same.sum(1))


def of(function):
    """A class that is given a temperature and then called, whose values are those of `function`."""

    class Loss:
        def __init__(self, temperature):
            self.temperature = temperature

        def __call__(self, *given):
            return function(
                *(np.asarray(each, np.float64 if np.ndim(each) == 2 else int) for each in given), self.temperature
            )

    return Loss


FORMULAS = {
    "losses": {"SupConLoss": SupContrast},
    "torch": {"tensor": np.asarray},
    "pytorch_metric_learning": {},
    "pytorch_metric_learning.losses": {"SupConLoss": of(metric_learning_supcon), "NTXentLoss": of(nt_xent)},
    "tensorflow_similarity": {},
    "tensorflow_similarity.losses": {"SimCLRLoss": of(simclr)},
    "tensorflow_addons": {"losses": types.SimpleNamespace(npairs_loss=npairs)},
}
LIBRARIES = {"pytorch-metric-learning": "pytorch_metric_learning", "The keras.io example": "tensorflow_addons"}


@pytest.fixture
def by_formula(monkeypatch):
    """The other libraries, as their formulas."""
    for name, members in FORMULAS.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)


WITH_VALUES = [title for title, text in sections().items() if "value = " in text]


def test_every_library_has_programs_that_give_a_value():
    libraries = ["SupContrast (PyTorch)", "pytorch-metric-learning", "The keras.io example", "tensorflow_similarity"]
    assert libraries == WITH_VALUES


@pytest.mark.parametrize("title", WITH_VALUES)
def test_both_sides_give_the_same_value(title, by_formula):
    agree(title)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:[\\s\\S]*TensorFlow Addons")
@pytest.mark.parametrize("title", LIBRARIES)
def test_the_library_itself_gives_the_same_value(title):
    if not importlib.util.find_spec(LIBRARIES[title]):
        pytest.skip(f"{LIBRARIES[title]} is not installed")
    agree(title)


def agree(title):
    theirs, ours = values(*zip(*beside(sections()[title])))
    assert len(theirs) == len(ours) >= 1
    if title == "The keras.io example":
        np.testing.assert_allclose(theirs, keras_io(), rtol=1e-5)
        assert ours[0] == pytest.approx(eq_2(), rel=1e-5) and abs(theirs[0] - ours[0]) > 1
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def one_view():
    """(s, labels) of the first views of the page's rows at the temperature of the example."""
    names = {}
    exec(FENCES.findall(sections()[""])[0][1], names)
    rows = names["rows"][:, 0].astype(np.float64)
    return rows @ rows.T / 0.05, names["labels"]


def keras_io():
    """The equation of the page."""
    s, labels = one_view()
    denominators = np.exp(s).sum(1) - np.exp(np.diag(s))
    in_class = (labels[:, None] == labels).sum(1)
    drawn = np.where(same_class_others(labels), s, 0).sum(1)
    return np.mean(np.log(np.exp(20) + denominators) - (20 + drawn) / in_class)


def eq_2():
    s, labels = one_view()
    positives = same_class_others(labels)
    np.fill_diagonal(s, -np.inf)
    return np.mean(np.log(np.exp(s).sum(1)) - np.where(positives, s, 0).sum(1) / positives.sum(1))


@pytest.mark.parametrize("title", list(sections())[1:])
def test_what_is_not_run_of_the_others_is_python(title):
    for theirs, _ in beside(sections()[title]):
        compile(theirs, "migrating.md", "exec")
