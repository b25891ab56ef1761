"""Features for the projector, anew after epochs."""

from __future__ import annotations

import numpy as np

from supcon_tf.callbacks.projector_log import ProjectorLog
from tests.callbacks.fits import SPLIT, encoder_and_model, fit


def test_the_files_hold_the_features_of_the_last_epoch(tmp_path):
    encoder, model = encoder_and_model()
    fit(model, ProjectorLog(tmp_path / "p", SPLIT, every=3, class_names=list("abc"), encoder=encoder), epochs=4)
    found = np.loadtxt(tmp_path / "p" / "tensors.tsv", delimiter="\t")
    np.testing.assert_allclose(found, encoder(SPLIT[0]), rtol=1e-5)
    assert (tmp_path / "p" / "metadata.tsv").read_text().split() == [*"a" * 8, *"b" * 8, *"c" * 8]
