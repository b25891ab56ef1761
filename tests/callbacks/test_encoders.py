"""When callbacks look, and at whose features."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf.callbacks.encoders import LooksAtFeatures, texts_of
from tests.callbacks.fits import SPLIT, encoder_and_model, fit


class Seen(LooksAtFeatures):
    """Notes its looks."""

    def on_epoch_end(self, epoch, logs=None):
        if self.due(epoch):
            self.seen = [*getattr(self, "seen", []), (epoch, self.features(SPLIT, "data")[0])]


def test_it_looks_every_so_often_and_at_the_end():
    encoder, model = encoder_and_model()
    seen = Seen(every=2, encoder=encoder)
    fit(model, seen, epochs=5)
    assert [epoch for epoch, _ in seen.seen] == [1, 3, 4]
    assert np.abs(seen.seen[0][1] - seen.seen[1][1]).max() > 1e-4  # as it is now, not as it was
    np.testing.assert_allclose(seen.seen[-1][1], encoder(SPLIT[0]), rtol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`every` must be 1 or more"):
        Seen(every=0)
    with pytest.raises(ValueError, match="name every class"):
        texts_of(np.array([2]), ["a", "b"])
