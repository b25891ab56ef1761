"""What a path is, what tells a model from another, and where its measures may go."""

from __future__ import annotations

import hashlib
import json

import pytest

from supcon_tf.records.model_files import check_place, exported_facts, is_model, kind_of, place_of, sum_of


@pytest.fixture
def saved(tmp_path):
    program = tmp_path / "saved"
    (program / "variables").mkdir(parents=True)
    (program / "saved_model.pb").write_bytes(b"graph")
    (program / "variables" / "variables.index").write_bytes(b"weights")
    return program


def test_files_and_saved_models_are_models_and_runs_are_none(saved, tmp_path):
    file, run = tmp_path / "model.h5", tmp_path / "run.keras"
    file.write_bytes(b"x")
    run.mkdir()
    assert kind_of(saved) == "saved_model" and kind_of(file) == "keras" and is_model(saved) and is_model(file)
    assert is_model(tmp_path / "misspelt.keras") and not is_model(run) and not is_model(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    for path, message in ((tmp_path / "notes.txt", "is no model: name a Keras file"), (run, "is no model"),
                          (tmp_path / "misspelt.keras", "there is no model file")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            kind_of(path)


def test_the_sum_is_that_of_all_files_and_their_names(saved):
    before = sum_of(saved)
    assert sum_of(saved) == before
    weights = saved / "variables" / "variables.index"
    weights.write_bytes(b"others!")
    other = sum_of(saved)
    weights.rename(weights.with_name("renamed"))
    assert len({before, other, sum_of(saved)}) == 3
    assert sum_of(saved / "saved_model.pb") == hashlib.sha256(b"graph").hexdigest()


def test_measures_go_beside_a_model_and_beside_the_whole_of_an_export(saved, tmp_path):
    assert place_of(saved) == tmp_path / "saved.measures"
    (tmp_path / "export.json").write_text(json.dumps({"files": {"saved/": "program", "x.keras": "model"}}))
    assert place_of(saved) == tmp_path.with_name(tmp_path.name + ".measures") / "saved"
    assert (
        set(exported_facts(saved)["files"])
        == {"saved/", "x.keras"}
        == set(exported_facts(tmp_path / "x.keras")["files"])
    )
    assert exported_facts(tmp_path / "somebody_elses.keras") is None and exported_facts(saved / "x.keras") is None
    (tmp_path / "export.json").write_text("{")
    with pytest.raises(ValueError, match=r"not readable as JSON.*export the run again"):
        exported_facts(saved)


def test_a_place_that_holds_other_things_is_refused(saved, tmp_path):
    place = tmp_path / "place"
    check_place(place, saved)
    place.mkdir()
    for name in ("measures.json", "predictions", "lock", "data", "report.html", "measures.json.new"):
        (place / name).write_text("")
    check_place(place, saved)
    (place / "config.json").write_text("{}")  # a run
    for wrong, message in ((place, r"other things than measures \(config.json\)"), (saved, "lies within the model"),
                           (saved / "new", "lies within the model"), (place / "lock", "is a file")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            check_place(wrong, saved)
