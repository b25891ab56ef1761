"""A picture of the embeddings an epoch."""

from __future__ import annotations

import html

import pytest

from supcon_tf.callbacks.embedding_map import EmbeddingMap
from tests import kernels
from tests.callbacks.fits import SPLIT, encoder_and_model, fit


def test_a_page_an_epoch_with_the_names_of_the_classes(tmp_path):
    encoder, model = encoder_and_model()
    fit(model, EmbeddingMap(tmp_path, SPLIT, every=2, class_names=["cat", "dog", "emu"], encoder=encoder), epochs=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch_0002.html", "epoch_0003.html"]
    page = (tmp_path / "epoch_0003.html").read_text()
    assert "emu" in page and "<svg" in page and "24 images" in page


@pytest.mark.slow
def test_a_notebook_shows_the_newest_page_in_the_cell_of_the_fit(tmp_path, monkeypatch):
    cell = kernels.start(monkeypatch)
    encoder, model = encoder_and_model()
    draw = EmbeddingMap(tmp_path, SPLIT, encoder=encoder)
    fit(model, draw)
    (shown,) = cell.outputs
    assert html.escape((tmp_path / "epoch_0002.html").read_text()) in shown
    fit(model, draw, epochs=1)
    assert len(cell.outputs) == 2 and cell.outputs[0] == shown  # the next cell has its own
