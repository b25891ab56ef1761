"""The benchmark of evaluation: all measure the same, peers corrupt as we do, the table says what the records say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import process
from benchmarks.evaluate import case, inputs, plan
from supcon_tf import names
from supcon_tf.augment.corruptions.constants import CONSTANTS
from supcon_tf.augment.corruptions.corruption import corrupted

SMALL = {"rows": 300, "classes": 6, "width": 16}
BY = ("ours", "scikit_learn", "pytorch_metric_learning")


def needed(by):
    for module in plan.PEERS.get(by, []):
        pytest.importorskip(module, reason=f"{module} is not installed: make benchmark")


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("what", ["retrieval", "neighbours"])
def test_all_find_the_same(what, by):
    needed(by)
    record = case.measure(what, by=by, **SMALL)
    expected = case.measure(what, by="ours", **SMALL)
    for name in record["found"].keys() - {"queries"}:
        value = record["found"][name]
        assert value == pytest.approx(expected["found"][name], abs=1e-5) and 0.02 < value < 0.98
    assert record["seconds"] > 0 and record["processor_seconds"] > 0 and f"{value:.5f}" in plan.tables([record])


def test_penalties_are_solved_to_the_same_optimum():
    problem = {"rows": 120, "classes": 3, "width": 5}
    ours = case.measure("penalties", by="ours", **problem)
    theirs = case.measure("penalties", by="scikit_learn", every=22, tolerance=1e-10, **problem)
    assert len(ours["objectives"]) == 45 and len(theirs["objectives"]) == 3
    assert abs(plan.excess(theirs, [ours, theirs])) < 1e-5 and plan.excess(ours, [ours, theirs]) is None
    rough = {**theirs, "objectives": [1.02 * value for value in theirs["objectives"]]}
    assert plan.excess(rough, [ours, rough]) == pytest.approx(0.02, abs=1e-4)  # control
    assert "2 %" in plan.tables([ours, rough])


@pytest.mark.parametrize("side, scale", [(32, "small"), (224, "large")])
@pytest.mark.parametrize("name", names.CORRUPTIONS)
def test_peers_corrupt_as_we_do(name, side, scale):
    """Each image is changed by as much; where nothing is random, to nearly the same pixels."""
    pytest.importorskip("skimage", reason="skimage is not installed: make benchmark")
    from benchmarks.evaluate import corruption_peers

    if name == "frost" or (name == "glass_blur" and side == 224):
        pytest.skip("frost needs textures: below; the peer's loop over 224 x 224 pixels takes seconds")
    images, random = inputs.images(side, 3), np.random.default_rng(0)
    constants = CONSTANTS[scale][name][2]
    theirs = np.stack([getattr(corruption_peers, name)(image, random, *constants) for image in images]).astype(float)
    ours = corrupted(images, name, 3, scale=scale).astype(float)
    changed = [np.abs(one - images).mean() for one in (ours, theirs)]
    others = ("fog", "elastic_transform")  # another cloud; few and far-reaching draws
    assert changed[0] == pytest.approx(changed[1], rel=0.5 if name in others else 0.25)
    if name in ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"):
        assert np.abs(ours - theirs).mean() < 0.5


def test_a_corruption_is_measured_in_turn():
    pytest.importorskip("skimage", reason="skimage is not installed: make benchmark")
    record = case.measure("corruption", by="scikit_image", name="frost", side=32, seconds=0.01, rounds=3)
    assert record["changed"][0] == pytest.approx(record["changed"][1], rel=0.1)
    assert record["ratio"] > 0 and "the peer is the same library" in plan.tables([record])


def test_the_plan_has_every_size_and_every_corruption(monkeypatch):
    monkeypatch.setattr(plan.importlib.util, "find_spec", lambda name: None if name == "skimage" else name)
    planned, text = plan.run(quick=False, dry_run=True)
    assert len(text.splitlines()) == len(planned) > len(plan.cases(quick=True))
    for what in ("retrieval", "neighbours"):
        of = [c for c in planned if c["what"] == what and c["classes"] == plan.MANY]
        assert {c["rows"] for c in of if c["by"] == "ours"} == set(plan.GROWTH)
        assert {c["by"] for c in of} == set(BY)
        assert all(any(c["rows"] == o["rows"] and o["by"] == "ours" for o in of) for c in of)
    missing = [c for c in planned if "skipped" in c]
    assert {(c["name"], c["side"]) for c in missing} == {(n, s) for n in names.CORRUPTIONS for s in (32, 224)}
    assert plan.tables([], missing) == "scikit_image: skimage not installed: make benchmark"


def test_the_words_are_those_of_the_records():
    def record(by, rows, seconds, mb, **more):
        times = {"seconds": seconds, "processor_seconds": 2 * seconds, "mb": mb}
        return {"what": "retrieval", "by": by, "rows": rows, "classes": plan.MANY, **times, "found": {}, **more}

    records = [
        record("ours", 50_000, 16.0, 400),
        record("ours", 12_500, 1.0, 100),
        record("pytorch_metric_learning", 50_000, 32.0, 900, search="faiss"),
        {"what": "retrieval", "by": "scikit_learn", "rows": 50_000, "classes": plan.MANY, "failed": "no memory"},
    ]
    text = plan.tables(records)
    assert "ours takes 0.50 of the seconds, 0.50 of the processor's, of pytorch_metric_learning (faiss)" in text
    assert "from 12,500 to 50,000 rows with exponent 1.00, processor seconds 2.00" in text
    assert "failed: no memory" in text and text.count("ours takes") == 1


def test_what_is_known_is_not_measured_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(process, "measure", lambda module, case: asked.append(case) or {**case, "seconds": 1.0})
    cases = [{"what": "a", "rows": 1}, {"what": "a", "rows": 2}, {"what": "b", "rows": 1}]
    printed = tmp_path / "printed.txt"
    printed.write_text(
        'load\n{"what": "a", "rows": 1, "seconds": 7.0}\n{"what": "b", "rows": 1, "failed": "x"}\n{"what'
    )
    records = process.measure_all("module", cases, process.read_records(printed))
    assert [record["seconds"] for record in records] == [7.0, 1.0, 1.0] and asked == cases[1:]
