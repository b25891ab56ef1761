"""A table goes into its page, and nothing else of the page changes."""

from __future__ import annotations

import pathlib
import re

import pytest

from benchmarks.page import block, write

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "measured").glob("*.md"))]
TEXT = "# Page\n\nBefore.\n\n<!-- measured: python -m x -->\nold\n<!-- end -->\n\nAfter.\n"


def test_the_table_takes_the_place_of_the_one_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    for table, shown in (("one", "```\none\n```"), ("two\nlines", "```\ntwo\nlines\n```"), ("| 1 |", "| 1 |")):
        write(page, "python -m x", f"\n{table}\n")
        text = page.read_text()
        assert text.startswith(TEXT.split("old")[0]) and text.endswith(f"\n\n{shown}\n<!-- end -->\n\nAfter.\n")
    assert "Python 3." in text and "tensorflow 2." in text


@pytest.mark.parametrize("text", ["", TEXT.replace("-m x", "-m y"), TEXT.replace("<!-- end -->", ""), TEXT + TEXT])
def test_a_page_without_its_block_is_refused(text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(
        ValueError, match=r"page.md is no page for this: it needs the lines '<!-- measured: python -m x"
    ):
        block(page, "python -m x")
    with pytest.raises(ValueError, match="no page for this"):
        block(tmp_path / "none.md", "python -m x")


BLOCKS = re.compile(r"<!-- measured: python -m launch.benchmark (.*?) -->\n(.*?)<!-- end -->", re.DOTALL)


def test_what_a_page_says_was_measured_is_there():
    blocks = {(page.name, what): text for page in PAGES for what, text in BLOCKS.findall(page.read_text())}
    assert {
        ("loss.md", "loss"),
        ("loss.md", "accuracy"),
        ("input.md", "input"),
        ("evaluate.md", "evaluate"),
        ("README.md", "loss"),
        ("step.md", "step --quick"),
        ("tpu.md", "tpu"),
    } <= set(blocks)
    assert all("Python 3." in text and "cores" in text for text in blocks.values())


def test_readme_and_page_are_of_one_measurement():
    """Seconds and MB of README's table are those of the page, rounded; and so are the ratios."""
    (short,), (long,) = ([text for what, text in BLOCKS.findall((ROOT / name).read_text()) if what == "loss"]
                         for name in ("README.md", "docs/measured/loss.md"))  # fmt: skip
    names = ["tiled", "dense_tensorflow", "dense_pytorch", "pytorch_metric_learning"]
    rows = [[cell.strip() for cell in line.split("|")[2:5]] for line in short.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(names)
    for name, (seconds, mb, ratio) in zip(names, rows):
        own = re.search(rf"^{name} +12,288 +([\d.]+) +[\d.]+ +(\d+)", long, re.MULTILINE)
        assert f"{float(own[1]):.2f}" == seconds and f"{int(own[2]):,}" == mb
        if ratio:
            turn = re.search(rf"tiled takes ([\d.]+) of {name} at N = 12,288", long)
            assert abs(float(turn[1]) - float(ratio)) < 0.006
