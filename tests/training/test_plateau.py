"""When the plateau is worth a word: what lasts is, what passes or belongs to the warm-up is not."""

from __future__ import annotations

import json
import math
import pathlib

import numpy as np
import pytest

from supcon_tf.losses.supcon import supervised_contrastive_loss
from supcon_tf.records import metrics
from supcon_tf.training.duration import Duration
from supcon_tf.training.plateau import Plateau, PlateauWatch

RESULTS = pathlib.Path(__file__).parents[2] / "experiments" / "results"
PLATEAU = Plateau(rows=256, temperature=0.1, scale=0.1)
ON, OFF = 0.1 * math.log(255) * 1.005, 0.1 * math.log(255) * 0.9
EQUAL = {"negative_similarity_p50": 0.999, "effective_rank": 1.01}


def warnings(losses, *, plateau=PLATEAU, steps=10, warmup_steps=0, total_steps=1000, **figures):
    """Epoch, from 1, to warning, for epochs of `steps` steps."""
    duration = Duration(epochs=total_steps, examples=1, batch_size=1)  # epochs of one step
    watch = PlateauWatch(plateau, duration=duration, warmup_epochs=warmup_steps, width=64)
    read = [watch.read({"step": steps * n, "loss": loss, **figures}) for n, loss in enumerate(losses, 1)]
    return {epoch: text for epoch, text in enumerate(read, 1) if text}


@pytest.mark.parametrize("scale, base_temperature", [(0.1, 1.0), (1.0, None), (0.1 / 0.07, 0.07)])
def test_the_plateau_is_the_loss_of_equal_rows(scale, base_temperature):
    rows = np.tile([0.6, 0.8], [8, 2, 1]).astype(np.float32)
    loss = supervised_contrastive_loss([0, 0, 1, 1, 2, 2, 3, 3], rows, base_temperature=base_temperature)
    assert np.mean(loss) == pytest.approx(Plateau(16, 0.1, scale).value, rel=1e-6)


def test_the_stuck_losses_of_the_field_are_plateaus():
    """The values of peers' trackers: batches of 64 and 256 with SupContrast's scale."""
    assert Plateau(128, 0.1, 0.1 / 0.07).value == pytest.approx(6.920, abs=1e-3)
    assert Plateau(512, 0.1, 0.1 / 0.07).value == pytest.approx(8.909, abs=1e-3)


def test_a_loss_that_stays_is_said_once_after_a_hundred_steps():
    assert list(warnings([ON] * 40)) == [10]


def test_a_loss_that_passes_by_is_not_said():
    assert warnings([ON] * 9 + [OFF] + [ON] * 9) == {}
    assert warnings([PLATEAU.value * 1.05] * 49 + [OFF]) == {}


def test_a_loss_above_the_plateau_may_take_longer_and_is_then_said():
    """As at random, where weights that hardly move leave it."""
    (found,) = warnings([PLATEAU.value * 1.05] * 60, negative_similarity_p50=0.4, effective_rank=3.6).items()
    assert found[0] == 50 and "for 500 steps: above the plateau" in found[1] and "not begun to learn" in found[1]
    assert list(warnings([PLATEAU.value * 1.05] * 20, total_steps=200)) == [10]  # half of a short stage


def above(count=60, **series):
    """Warnings for a loss above the plateau whose embeddings are spread; `series` are figures by epoch."""
    duration = Duration(epochs=1000, examples=1, batch_size=1)
    watch = PlateauWatch(PLATEAU, duration=duration, width=64)
    figures = {"loss": lambda n: PLATEAU.value * 1.2, "negative_similarity_p50": lambda n: -0.02,
               "effective_rank": lambda n: 16.0, **series}  # fmt: skip
    read = [
        watch.read({"step": 10 * n, **{name: value(n) for name, value in figures.items() if value(n) is not None}})
        for n in range(1, count + 1)
    ]
    return [n for n, text in enumerate(read, 1) if text]


@pytest.mark.parametrize(
    "learning, standing",
    [
        ({"knn_accuracy": lambda n: 0.3 + 0.01 * n if n % 4 == 0 else None}, {"knn_accuracy": lambda n: 0.3}),
        ({"loss": lambda n: PLATEAU.value * (2 - 0.02 * n)}, {"loss": lambda n: PLATEAU.value * 1.2 + 1e-3 * (n % 5)}),
        ({"positive_similarity_p50": lambda n: 0.01 * n}, {"positive_similarity_p50": lambda n: 0.1 + 0.02 * (n % 2)}),
    ],
    ids=["neighbours", "loss", "classes"],
)  # fmt: skip
def test_above_the_plateau_embeddings_that_are_spread_and_get_somewhere_learn(learning, standing):
    """The controls: the same figures, which stand still but for noise, are told of after 500 steps."""
    assert above(**learning) == []
    assert above(**standing) == [50]


def test_what_learnt_and_then_stands_still_is_told_of_after_as_long():
    assert above(100, knn_accuracy=lambda n: 0.3 + 0.02 * min(n, 30)) == [80]


def test_near_equal_embeddings_do_not_learn_whatever_neighbours_say():
    """A few images far out and all others equal: a collapse above the plateau."""
    rising = {"knn_accuracy": lambda n: 0.2 + 0.02 * min(n, 30)}
    assert above(**rising, negative_similarity_p50=lambda n: 0.99) == [50]
    (text,) = warnings([PLATEAU.value * 1.2] * 60, negative_similarity_p50=0.99, effective_rank=1.1,
                       update_norm=0.1).values()  # fmt: skip
    assert "it gives nearly all images the same embedding" in text and "above the plateau" in text


def test_what_weights_that_hardly_move_seem_to_get_is_noise():
    """Moving averages of batch norm alone change what neighbours say. The control moves."""
    rising = {"knn_accuracy": lambda n: 0.2 + 0.02 * n}
    assert above(**rising, update_norm=lambda n: 1e-9) == [50]
    assert above(**rising, update_norm=lambda n: 0.1) == []


def test_on_the_plateau_too_what_is_spread_may_learn():
    """A loss that comes down from above crosses it slowly. The control stands still."""
    crossing = {"loss": lambda n: PLATEAU.value * 1.2 if n < 5 else ON}
    assert above(40, **crossing, knn_accuracy=lambda n: 0.3 + 0.02 * n) == []
    assert above(40, **crossing) == [15]


@pytest.mark.parametrize("step, moves", [(1e-8, False), (0.01, True)])
def test_weights_that_hardly_move_want_a_higher_rate(step, moves):
    (text,) = warnings([ON] * 12, update_norm=step, gradient_norm=8.0, negative_similarity_p50=0.4,
                       effective_rank=3.0).values()  # fmt: skip
    assert ("a step has length 1e-08. What to try: a higher contrastive.base_learning_rate" in text) != moves
    assert ("a lower contrastive.base_learning_rate" in text) == moves


def test_warm_up_does_not_count():
    assert list(warnings([ON] * 40, warmup_steps=155)) == [26]  # 105 steps after step 155


def test_after_a_recovery_a_second_collapse_is_said_again():
    near = PLATEAU.value - 1.5 * PLATEAU.near  # off, but not far enough for a recovery
    assert list(warnings([ON] * 12 + [near] + [ON] * 20)) == [10]
    assert list(warnings([ON] * 12 + [OFF] + [ON] * 20)) == [10, 23]


def test_a_short_stage_is_judged_by_a_quarter_of_it_and_a_tiny_one_not():
    assert list(warnings([ON] * 20, total_steps=200)) == [5]
    assert warnings([ON] * 3, steps=3, total_steps=9) == {}


def test_a_high_temperature_changes_little_and_is_judged_by_what_it_can_change():
    """At temperature 10 the best embeddings of ten classes are 2% below the plateau: half way is no collapse."""
    plateau = Plateau(rows=256, temperature=10.0, scale=10.0)
    half_way = plateau.value * 0.991
    assert plateau.value * 0.01 > plateau.near and warnings([half_way] * 40, plateau=plateau) == {}
    assert list(warnings([plateau.value] * 40, plateau=plateau)) == [10]


@pytest.mark.parametrize(
    "figures, words",
    [
        (EQUAL, "has collapsed: it gives all images nearly the same embedding (median similarity of different classes "
                "0.999, effective rank 1.0 of 64)"),
        ({**EQUAL, "gradient_norm": 0.0}, "No gradient is left"),
        ({"negative_similarity_p50": 0.2, "effective_rank": 30.0}, "not by class: the network has not begun to learn"),
        ({}, "has most likely collapsed"),
    ],
)  # fmt: skip
def test_the_words_say_what_was_seen_and_what_to_try(figures, words):
    (text,) = warnings([ON] * 12, **figures).values()
    assert words in text and "stayed at 0.5569 for 100 steps" in text and "0.1 ln(256 - 1) = 0.5541" in text
    assert "contrastive.base_learning_rate" in text and "\n" not in text


def test_a_high_temperature_is_named():
    plateau = Plateau(rows=256, temperature=2.0, scale=1.0)
    (text,) = warnings([plateau.value] * 12, plateau=plateau, negative_similarity_p50=0.1, effective_rank=9.0).values()
    assert "at temperature 2 the loss hardly sees it" in text


def contrastive_records(path):
    return [record for record in metrics.read(path) if record["stage"] == "contrastive"]


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(RESULTS.rglob("metrics.jsonl")) if contrastive_records(path)],
    ids=lambda path: path.parent.relative_to(RESULTS).as_posix(),
)
def test_no_run_of_the_results_is_taken_for_a_collapse(path):
    """Healthy runs, as they were; the same with the loss put on its plateau is, which is the control."""
    config = json.loads((path.parent / "config.json").read_text())
    records = contrastive_records(path)
    stage, tau = config["contrastive"], config["loss"]["temperature"]
    plateau = Plateau(config["data"]["views"] * stage["batch_size"], tau, tau / config["loss"]["base_temperature"])
    assert plateau.value == pytest.approx(records[0]["plateau"])
    total = records[-1]["step"]
    for losses, warned in (([r["loss"] for r in records], False), ([plateau.value] * len(records), True)):
        duration = Duration(epochs=len(records), examples=total, batch_size=len(records))
        watch = PlateauWatch(plateau, duration=duration, warmup_epochs=stage["warmup_epochs"], width=64)
        said = [watch.read({**record, "loss": loss}) for record, loss in zip(records, losses)]
        assert any(said) == warned
