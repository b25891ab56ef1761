"""Cells, tables and the order of their runs; and the tables of the paper, whose every run can be begun."""

from __future__ import annotations

import dataclasses

import pytest

from experiments import tables as of_paper
from launch import catalogue
from supcon_tf import settings
from supcon_tf.data.sets.transfer import TABLE_4, TRANSFER_SETS
from supcon_tf.names import MEASURES, TRANSFERS
from supcon_tf.run.unread import unread
from supcon_tf.tables import BUDGETS, NUMBERS, TRANSFER, Cell, Table, runs_of, text_of

ALL = [(table, budget) for table in of_paper.TABLES.values() for budget in BUDGETS if table.cells.get(budget)]
IDS = [f"{table.name}-{budget}" for table, budget in ALL]


def cell(row, settings=None, *, seeds=1, number="top1", column=""):
    return Cell(row, column, "digits.supcon", settings or {}, number=number, seeds=seeds)


def test_all_rows_run_with_seed_0_before_any_runs_with_seed_1():
    runs = runs_of([cell("a", seeds=3), cell("b", {"loss.temperature": 0.2}, seeds=2)])
    assert [(run.cell.row, run.seed) for run in runs] == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)]


def test_cells_of_the_same_training_share_its_runs_and_add_up_their_measures():
    shared = [cell("a", number="ece", column="x"), cell("a", column="y"), cell("a", number="knn", column="z", seeds=2)]
    runs = runs_of(shared)
    assert [(run.seed, run.measures) for run in runs] == [(0, ("calibration", "knn_dino")), (1, ("knn_dino",))]
    moved = [cell("a", number="transfer_linear", column="dtd"), cell("a", number="transfer_fine_tune", column="dtd")]
    assert runs_of(moved)[0].transfers == (("linear", "dtd"), ("fine_tune", "dtd"))


def test_what_differs_has_a_directory_of_its_own_and_what_does_not_has_not():
    names = [cell("a", {"loss.temperature": value}).trained for value in (0.1, 0.2)]
    assert len(set(names)) == 2 and all("/" not in name.split("/", 1)[1] for name in names)
    one = cell("a", {"loss.temperature": 0.1, "data.views": 1}).trained
    assert one == cell("b", {"data.views": 1, "loss.temperature": 0.1}).trained
    paths = [cell("a", {"data.name": f"folder:/{'x' * 200}{end}"}).trained for end in "ab"]
    assert len(set(paths)) == 2 and all(len(path.split("/", 1)[1]) <= 100 for path in paths)


def test_a_table_refuses_two_cells_in_one_place_and_a_reference_that_is_not_there():
    with pytest.raises(ValueError, match=r"two cells at \('a', ''\)"):
        Table("t", "", "", {"digits": (cell("a"), cell("a", {"data.views": 1}))})
    with pytest.raises(ValueError, match="no row 'b' to compare with"):
        Table("t", "", "", {"digits": (cell("a"),)}, reference="b")
    with pytest.raises(ValueError, match="has no cells at budget paper; it has digits"):
        Table("t", "", "", {"digits": (cell("a"),)}).of("paper")
    with pytest.raises(ValueError, match="at least one seed"):
        cell("a", seeds=0)
    with pytest.raises(ValueError, match="Did you mean 'top1'"):
        cell("a", number="top_1")


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_taken_by_a_measure_that_there_is(name):
    number = NUMBERS[name]
    assert number.measure in ("", TRANSFER, *MEASURES)
    if number.measure == TRANSFER:
        assert number.entry.removeprefix("transfer_") in TRANSFERS
    best, worst = (1.0, 0.0) if number.scale == 100 else (0.0, 100.0)
    assert (number.of(best) > number.of(worst)) == (number.higher or number.complement)


@pytest.mark.parametrize("table, budget", ALL, ids=IDS)
def test_every_run_of_a_table_is_an_experiment_that_can_begin(table, budget):
    """Settings have their names and go together, text of a flag means the value, and a cell has one place."""
    for run in runs_of([dataclasses.replace(cell, seeds=1) for cell in table.of(budget)]):
        experiment = catalogue.load(run.cell.experiment)
        changed = settings.override(experiment, dict(run.cell.settings))
        by_flag = {known.name: known for known in settings.settings(experiment)}
        typed = {name: by_flag[name].parse(text_of(value)) for name, value in run.cell.settings.items()}
        assert settings.override(experiment, typed) == changed
        if budget != "paper":  # where recipes are the authors'
            assert unread(changed) == []


@pytest.mark.parametrize("table, budget", ALL, ids=IDS)
def test_rows_of_a_table_differ_in_what_they_train(table, budget):
    """Two rows that are the same training under two names would be a comparison of nothing."""
    trained = {}
    for own in table.of(budget):
        trained.setdefault((own.column, own.number), []).append(own.trained)
    assert all(len(set(names)) == len(names) for names in trained.values())


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_training_has_one_name_in_all_tables(budget):
    """Else its hours are spent twice, and a pair of rows is compared by runs that need not be the same."""
    names = {}
    for table, own in ALL:
        for cell in table.of(own) if own == budget else ():
            names.setdefault(settings.to_json(settled(cell)), set()).add(cell.trained)
    assert len(names) > 10 and [sorted(same) for same in names.values() if len(same) > 1] == []


def test_the_papers_numbers_are_those_that_the_transfer_command_shows():
    assert tuple(TRANSFER_SETS) == of_paper.SETS
    for row in ("SupCon-50", "SupCon-200"):
        printed = next(values for (name, _), values in of_paper.PRINTED_4.items() if name == row)
        assert dict(zip(of_paper.SETS, printed)) == TABLE_4[row]


def test_every_table_of_the_paper_is_there():
    wanted = {*map(str, range(1, 10)), "fig3", "batch", "epochs", "temperature", "stability", "joint", "memory"}
    assert wanted <= set(of_paper.TABLES)
    assert all(table.cells.get("paper") for table in of_paper.TABLES.values() if table.name in wanted)


def settled(cell):
    """The experiment of a cell."""
    return settings.override(catalogue.load(cell.experiment), dict(cell.settings))


@pytest.mark.parametrize("budget", BUDGETS)
def test_tables_start_from_the_recipes_as_they_are(budget):
    """Unchanged rates are the recipe's own, and both methods of Table 7 have one second stage."""
    unchanged = [cell for cell in of_paper.TABLES["stability"].of(budget) if cell.column == "rate x 1"]
    assert len(unchanged) == 2 and all(settled(cell) == catalogue.load(cell.experiment) for cell in unchanged)
    one, two = (
        next(cell for cell in of_paper.TABLES["7"].of(budget) if cell.row == row)
        for row in ("SupCon", "cross-entropy, two stages")
    )
    assert settled(two).linear == settled(one).linear and list(settled(two).stages) == ["cross_entropy", "linear"]


@pytest.mark.parametrize("budget", BUDGETS[:-1])
def test_with_few_images_as_many_are_seen(budget):
    for cell in of_paper.TABLES["few_labels"].of(budget):
        recipe = catalogue.load(cell.experiment)
        for name, stage in settled(cell).stages.items():
            assert abs(stage.epochs - recipe.stages[name].epochs / cell.x) <= 0.5  # whole epochs


def test_a_policy_is_the_same_augmentation_in_every_cell_at_the_papers_budget():
    """With its strength, its jitter and its crops: Table 9 had SimAugment at half the strength of the recipes."""
    found = {}
    for name in ("2", "3", "6", "7", "9"):
        for cell in of_paper.TABLES[name].of("paper"):
            experiment = settled(cell)
            for stage in experiment.stages.values() if experiment.data.name == "imagenet2012" else ():
                found.setdefault(stage.augment.policy, set()).add(stage.augment)
    assert {"auto_augment", "rand_augment", "sim_augment", "stacked_rand_augment"} <= set(found)
    assert [policy for policy, augments in found.items() if len(augments) > 1] == []


@pytest.mark.parametrize(
    "name, said", [("2", "PyTorch code"), ("6", "--corrupted"), ("fig3", "--corrupted"), ("8", "no rates")]
)
def test_what_separates_the_papers_budget_from_its_numbers_is_told(name, said):
    assert said in of_paper.TABLES[name].notes["paper"]
