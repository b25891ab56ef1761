"""One list for each choice: the tables of functions have its keys, and a wrong name is met with the nearest."""

from __future__ import annotations

import dataclasses

import pytest

from supcon_tf import config, names
from supcon_tf.augment import autoaugment, color, evaluation_crops
from supcon_tf.augment.corruptions import constants, corruption
from supcon_tf.layers import heads
from supcon_tf.losses import metric_learning, modes
from supcon_tf.networks import resnet, resnext
from tests.tiny import tiny_networks


@pytest.mark.parametrize(
    "known, table",
    [
        (names.JITTERS, color.JITTERS),
        (names.AUTO_POLICIES, autoaugment.SUB_POLICIES),
        (names.EVALUATION_CROPS, evaluation_crops.CROPS),
        (names.CORRUPTIONS, corruption.FUNCTIONS),
        (names.CORRUPTION_SCALES, constants.CONSTANTS),
        (names.HEAD_KERNELS, heads._KERNELS),
        (names.LOSSES, ["supcon", *metric_learning.FUNCTIONS]),
        (names.DENOMINATOR_MODES, modes.DENOMINATORS),
        (
            names.ENCODERS,
            [f"{kind}{depth}" for kind, room in (("resnet", resnet), ("resnext", resnext)) for depth in room.BLOCKS],
        ),
        (names.STAGE_KINDS, [f.name for f in dataclasses.fields(config.Experiment) if f.type == "Stage"]),
    ],
    ids=[
        "jitters",
        "auto policies",
        "evaluation crops",
        "corruptions",
        "their scales",
        "head kernels",
        "losses",
        "denominators",
        "encoders",
        "stages",
    ],
)
def test_a_table_has_the_names_as_its_keys(known, table):
    assert list(known) == list(table)


def test_networks_have_the_parts_that_stages_train():
    assert tuple(tiny_networks().parts()) == names.PARTS
    assert {part for kind in names.STAGE_KINDS.values() for part in kind.trains} == set(names.PARTS)


def test_each_kind_of_stage_is_another():
    """The facts tell the kinds apart, so that nothing has to ask for a stage by its name."""
    facts = [(kind.trains, kind.compares) for kind in names.STAGE_KINDS.values()]
    assert len(set(facts)) == len(facts)


@pytest.mark.parametrize(
    "value, hint",
    [("nestrov", " Did you mean 'nesterov'?"), ("ADAM", " Did you mean 'adam'?"), ("xyzzy", ""), (7, "")],
)
def test_a_wrong_name_is_refused_with_the_list_and_the_nearest(value, hint):
    with pytest.raises(ValueError) as raised:
        names.one_of("optimizer", value, names.OPTIMIZERS)
    listed = ", ".join(names.OPTIMIZERS)
    assert str(raised.value) == f"`optimizer` must be one of {listed}; got {value!r}.{hint}"
    assert names.one_of("optimizer", "lars", names.OPTIMIZERS) == "lars"


def test_nearest_is_for_lists_too_long_to_print():
    assert names.nearest("digits.supcom", ["digits.supcon", "imagenet.joint"]) == " Did you mean `digits.supcon`?"
    assert names.nearest("xyzzy", ["digits.supcon"]) == ""
