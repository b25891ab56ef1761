"""A table goes into its page, and nothing else of the page changes."""

from __future__ import annotations

import pathlib

import pytest

from benchmarks.page import block, write

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "measured").glob("*.md"))
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


def test_pages_have_blocks():
    assert {page.name for page in PAGES if "<!-- measured: python -m launch.benchmark" in page.read_text()} >= {
        "loss.md"
    }
