"""The whole page and the text table: self-contained, escaped, repeatable, and with NumPy's numbers."""

from __future__ import annotations

import html.parser
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from supcon_tf.records.directory import RunDirectory
from supcon_tf.report import report as report_module
from supcon_tf.report.report import RunningReport, summary_table, write_report
from tests.report.run_directories import answers, label_sets, stage_lines, write_metrics, write_run

ACCURACIES = {"supcon": (0.981, 0.989, 0.9775), "cross_entropy": (0.97, 0.96)}
REFERENCES = ("src", "srcset", "href", "xlink:href", "data", "action")
VOID = ("meta", "img", "br")


class Page(html.parser.HTMLParser):
    """Tags, references, text of table cells and of everything; fails where tags do not close."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.references, self.rows, self.words, self.open = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.references += [value for name, value in attributes if name in REFERENCES]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if "td" in self.open and "svg" not in self.open:
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(self.words)

    def count(self, tag, kind):
        return sum(name == tag and kind in attributes.get("class", "").split() for name, attributes in self.tags)


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [
        write_run(root, kind=kind, seed=seed, accuracy=value)
        for kind, values in ACCURACIES.items()
        for seed, value in enumerate(values)
    ]


@pytest.fixture(scope="module")
def report(directories, tmp_path_factory):
    path = tmp_path_factory.mktemp("new") / "folder" / "report.html"
    write_report(path, directories)
    return path.read_text(encoding="utf-8")


def test_nothing_is_outside_the_page(report):
    page = Page(report)
    assert page.references and all(reference.startswith("data:image/png;base64,") for reference in page.references)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    assert not re.search(r"https?:|@import|url\(", report)


def test_table_has_numpys_numbers(report):
    rows = [row for row in Page(report).rows if row and row[0].startswith("digits.")]
    for row, (kind, values) in zip(rows, ACCURACIES.items()):
        values = 100 * np.array(values)
        mean, deviation = map(float, row[2].split(" \u00b1 "))
        low, high = map(float, row[3].split(" \u2013 "))
        assert row[0].startswith(f"digits.{kind}") and int(row[1]) == len(values)
        found, wanted = (mean, deviation, low, high), (values.mean(), values.std(ddof=1), values.min(), values.max())
        np.testing.assert_allclose(found, wanted, atol=0.00501)
    assert len(rows) == 2


def test_one_dot_a_seed(report):
    assert Page(report).count("circle", "seed") == 5


def test_every_section_is_there(report):
    page = Page(report)
    assert [tag for tag, _ in page.tags].count("section") == 5
    for words in ("Results", "Contrastive stage", "Augmented views", "t-SNE", "Confusion matrix", "Mistakes"):
        assert words in page.text
    assert "collapsed embeddings" in page.text and "2.15.1" in page.text and "loss.temperature" in page.text


def test_each_panel_has_a_thick_line_an_experiment_and_a_thin_one_a_seed(report):
    page = Page(report)
    # Panels: 3 of the contrastive stage and 4 of the linear one, over 3 seeds; 4 of cross-entropy, over 2 seeds.
    assert page.count("path", "mean") == 3 + 4 + 4
    assert page.count("path", "seed") == (3 + 4) * 3 + 4 * 2
    assert page.count("path", "train") == 2


def test_same_runs_same_bytes(directories, report, tmp_path):
    write_report(tmp_path / "again.html", directories)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == report


def test_one_run_has_no_spread_and_no_comparison(directories, tmp_path):
    write_report(tmp_path / "one.html", directories[:1])
    page = Page((tmp_path / "one.html").read_text(encoding="utf-8"))
    assert page.count("circle", "seed") == 1 and page.count("rect", "band") == 0 and page.count("path", "seed") == 0
    assert "\u00b1" not in page.text and "What the experiments differ in" not in page.text


def test_a_run_that_goes_on_has_a_page_that_says_so_and_repeats_its_warnings(tmp_path):
    path = write_run(tmp_path, evaluation=False)
    lines = stage_lines("contrastive", 20, 0.9, 0)[:7]
    lines[4]["warning"] = "the loss has stayed <where> it was"
    write_metrics(path, lines)
    summary = (path / "summary.json").read_text()
    (path / "summary.json").unlink()
    running = RunningReport(RunDirectory(path))
    running.update()
    page = Page(running.path.read_text(encoding="utf-8"))
    assert "digits.supcon, seed 0 is running: contrastive, epoch 7 of 20." in page.text
    assert "contrastive stage, epoch 5: the loss has stayed <where> it was" in page.text
    assert not running.is_final() and [p.name for p in path.iterdir() if p.name.endswith(".new")] == []
    with pytest.raises(ValueError, match=r"no summary\.json"):
        write_report(tmp_path / "all.html", [path])
    (path / "summary.json").write_text(summary)
    later = running.path.stat().st_mtime + 10
    os.utime(path / "summary.json", (later, later))
    assert not running.is_final()
    os.utime(path / "summary.json", (0, 0))
    running.write()
    assert running.is_final() and "is running" not in running.path.read_text(encoding="utf-8")


def test_a_page_is_written_again_when_that_is_a_small_part_of_the_time_since(tmp_path, monkeypatch):
    clock, writes = [0.0], []

    def write(*arguments, **named):
        writes.append(clock[0])
        clock[0] += 2.0  # what a page costs

    monkeypatch.setattr(report_module, "write_report", write)
    monkeypatch.setattr(report_module.time, "perf_counter", lambda: clock[0])
    running = RunningReport(RunDirectory(tmp_path))
    for _ in range(100):
        running.update()
        clock[0] += 10.0
    assert writes == [0.0, 202.0, 404.0, 606.0, 808.0]


def test_a_page_that_cannot_be_written_is_said_once_and_stops_no_run(tmp_path, capsys):
    path = write_run(tmp_path, evaluation=False)
    (path / "report.html").mkdir()
    running = RunningReport(RunDirectory(path))
    for _ in range(3):
        running.update()
    assert capsys.readouterr().out.count("report.html is not written while the run goes on: ") == 1
    assert not running.is_final()
    with pytest.raises(OSError, match="directory"):
        running.write()


def test_a_bare_run_still_makes_a_page(tmp_path):
    path = write_run(tmp_path, accuracy=None, evaluation=False)
    (path / "metrics.jsonl").unlink()
    (path / "environment.json").unlink()
    write_report(tmp_path / "bare.html", [path])
    page = Page((tmp_path / "bare.html").read_text(encoding="utf-8"))
    for sentence in ("No epoch", "No evaluation.npz yet", "No run kept", "No environment.json", "no classifier"):
        assert sentence in page.text
    assert page.count("path", "line") == 0 and page.count("circle", "seed") == 0


def test_everything_from_outside_is_escaped(tmp_path):
    nasty = '<script>alert("x")</script>&amp;'
    path = write_run(tmp_path, experiment=nasty, changes={nasty: nasty}, images=60)
    arrays = {**answers(60), "class_names": np.array([f"{nasty}{number}" for number in range(10)])}
    np.savez(path / "evaluation.npz", **arrays)
    (path / "environment.json").write_text('{"<b>host</b>": "<b>name</b>"}')
    write_report(tmp_path / "nasty.html", [path])
    page = Page((tmp_path / "nasty.html").read_text(encoding="utf-8"))
    assert not {"script"} & {tag for tag, _ in page.tags} and "<b>host</b>" in page.text
    assert any(nasty in cell for row in page.rows for cell in row)


def test_runs_that_differ_in_more_than_their_seed_are_reported(tmp_path):
    changes = ({"temperature": 0.1}, {"temperature": 0.5})
    paths = [write_run(tmp_path, seed=seed, changes=change, evaluation=False) for seed, change in enumerate(changes)]
    write_report(tmp_path / "mixed.html", paths)
    html_text = (tmp_path / "mixed.html").read_text(encoding="utf-8")
    assert "digits.supcon differ in more than their seed: loss.temperature." in html_text


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no summary\.json and no config\.json"):
        write_report(tmp_path / "report.html", [tmp_path])
    with pytest.raises(ValueError, match="got none"):
        summary_table([])


def test_text_table(directories):
    lines = summary_table(directories).splitlines()
    assert len({len(line) for line in lines}) == 1 and len(lines) == 4
    assert lines[2].split() == ["digits.supcon", "3", "98.25", "0.59", "97.75", "-", "98.90", "42.2", "s"]
    assert lines[3].split() == ["digits.cross_entropy", "2", "96.50", "0.71", "96.00", "-", "97.00", "30.1", "s"]


def test_text_table_of_one_run_has_dashes(directories):
    assert summary_table(directories[:1]).splitlines()[2].split()[1:5] == ["1", "98.10", "-", "-"]


def test_reporting_does_not_load_tensorflow():
    code = "import sys, supcon_tf.report.report; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_result_of_label_sets_is_their_average_precision(tmp_path):
    path = write_run(tmp_path, experiment="voc", accuracy=0.9)
    summary = json.loads((path / "summary.json").read_text())
    (path / "summary.json").write_text(json.dumps({**summary, "test_mean_average_precision": 0.8123}))
    np.savez(path / "evaluation.npz", **label_sets(120))
    table = summary_table([path]).splitlines()
    assert "11-point mAP %" in table[0] and "81.23" in table[2] and "top-1" not in table[0]
    write_report(tmp_path / "report.html", [path])
    page = Page((tmp_path / "report.html").read_text())
    assert "voc: 11-point mAP, seed 0" in page.text and "81.23" in page.text and "90.00" not in page.text
    other = write_run(tmp_path, experiment="classes")
    assert "11-point mAP or top-1 %" in summary_table([path, other]).splitlines()[0]


@pytest.mark.parametrize("mean, shown", [(0.98, False), (0.9312, True)])
def test_the_mean_of_the_classes_is_shown_where_it_says_more(tmp_path, mean, shown):
    path = write_run(tmp_path, accuracy=0.98)
    summary = json.loads((path / "summary.json").read_text())
    (path / "summary.json").write_text(json.dumps({**summary, "test_mean_per_class_accuracy": mean}))
    write_report(tmp_path / "report.html", [path])
    text = Page((tmp_path / "report.html").read_text()).text
    assert ("mean of the classes' accuracies" in text) == shown == ("93.12" in text)
