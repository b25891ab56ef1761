"""Bars and pages in a notebook, and nothing of them elsewhere."""

from __future__ import annotations

import io
import sys

import tqdm
import tqdm.notebook

from supcon_tf import notebook
from tests import kernels


def test_a_kernel_is_told_from_a_terminal(monkeypatch):
    assert not notebook.inside()
    kernels.start(monkeypatch, kernel=False)
    assert not notebook.inside()
    kernels.start(monkeypatch)
    assert notebook.inside()
    monkeypatch.delattr(sys.modules["IPython"], "get_ipython")  # while it is being imported
    assert not notebook.inside()


def test_a_page_stands_in_one_output_in_a_frame_of_its_own(monkeypatch):
    cell, page = kernels.start(monkeypatch), notebook.Page(height="300px")
    page.show('<style>body { color: red }</style> <p>one & "two"</p>')
    page.show("<p>three</p>")
    notebook.Page().show("<p>four</p>")
    first, second = cell.outputs
    assert 'srcdoc="&lt;p&gt;three&lt;/p&gt;"' in first and "height: 300px" in first
    assert "four" in second and "<style" not in first + second


def test_outside_a_page_is_not_shown(monkeypatch):
    cell = kernels.start(monkeypatch, kernel=False)
    notebook.Page().show("<p>one</p>")
    assert cell.outputs == []


def drawn(monkeypatch, **how):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(notebook.bar(range(3), desc="images", **how)) == [0, 1, 2]
    return stream.getvalue()


def test_bars_need_somebody_who_looks(monkeypatch):
    """A file that is no terminal has none; a kernel has one, in text where ipywidgets are not installed."""
    assert drawn(monkeypatch) == ""
    kernels.start(monkeypatch)
    monkeypatch.setattr(tqdm.notebook, "IProgress", None)
    assert "images: 100%" in drawn(monkeypatch)


def test_a_kernel_with_widgets_has_theirs(monkeypatch):
    kernels.start(monkeypatch)
    monkeypatch.setattr(tqdm.notebook, "IProgress", object)
    monkeypatch.setattr(tqdm.notebook, "tqdm", lambda iterable, **how: ("widget", iterable, how))
    assert notebook.bar([1], desc="images") == ("widget", [1], {"desc": "images"})


def test_a_frame_is_closed(monkeypatch):
    cell = kernels.start(monkeypatch)
    notebook.Page("100px", "2em").show("")
    assert cell.outputs == ['<div><iframe srcdoc="" style="width: 2em; height: 100px; border: 0"></iframe></div>']
