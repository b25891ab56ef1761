"""What the loss cannot be asked for: each is named, with what was given and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from supcon_tf import names
from supcon_tf.losses import arguments as asked
from supcon_tf.losses.supcon import SupConLoss, supervised_contrastive_loss
from tests.losses.problems import unit_rows


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"temperature": 0}, "`temperature` must be a Python number from 1e-06 to 1e.06.*got 0"),
        ({"temperature": -0.1}, "got -0.1"),
        ({"temperature": float("nan")}, "got nan"),
        ({"temperature": float("inf")}, "got inf"),
        ({"temperature": "0.1"}, "`temperature` must be.*got '0.1'"),
        ({"temperature": True}, "`temperature` must be.*got True"),
        ({"temperature": 1e-45}, "`temperature` must be.*got 1e-45"),
        ({"base_temperature": 1e-300}, "`base_temperature` must be.*got 1e-300"),
        ({"positives_cap": True}, "`positives_cap` must be an integer"),
        ({"temperature": None}, "`temperature` must be"),
        ({"base_temperature": 0.0}, "`base_temperature` must be.*got 0.0"),
        ({"contrast_mode": "al"}, "`contrast_mode` must be one of all, one; got 'al'. Did you mean 'all'?"),
        ({"summation_location": "OUTSIDE"}, "got 'OUTSIDE'. Did you mean 'out'?"),
        ({"denominator_mode": "only_negative"}, "Did you mean 'only_negatives'?"),
        ({"no_positives": 3}, "`no_positives` must be one of zero, exclude; got 3.$"),
        ({"positives_cap": -1}, "`positives_cap` must be an integer of at least 0, or None for no cap; got -1"),
        ({"positives_cap": 2.0}, "`positives_cap` must be an integer"),
        ({"tile_rows": -1}, "`tile_rows` must be an integer of at least 1, 0 for the whole matrix, or None.*got -1"),
        ({"tile_rows": True}, "`tile_rows` must be an integer.*got True"),
        ({"normalize": "yes"}, "`normalize` must be True or False; got 'yes'"),
        ({"label_mode": "onehot"}, "`label_mode` must be one of auto, class, one_hot, sets.*Did you mean 'one_hot'?"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        supervised_contrastive_loss([0, 1], unit_rows(2, 2, 3), **arguments)
    with pytest.raises(ValueError, match=message):
        SupConLoss(**arguments)


def test_every_choice_is_one_of_the_names():
    assert set(asked.CHOICES.values()) == {
        names.CONTRAST_MODES, names.SUMMATION_LOCATIONS, names.DENOMINATOR_MODES, names.NO_POSITIVES, names.LABEL_MODES,
    }  # fmt: skip


def test_what_the_function_and_the_class_take_is_sound_by_default():
    defaults = {name: value for name, value in SupConLoss().get_config().items() if name not in ("name", "reduction")}
    asked.check(defaults)
    found = supervised_contrastive_loss([0, 0], unit_rows(2, 2, 3), **defaults)
    np.testing.assert_array_equal(found, supervised_contrastive_loss([0, 0], unit_rows(2, 2, 3)))
