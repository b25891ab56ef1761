"""Tables of the paper as cells, each of which says the runs that measure it; imports no TensorFlow.

A cell is an experiment with some settings, trained with several seeds, and one number of each of these runs. Two cells
may be measured on the same runs. `experiments/tables.py` holds the tables; `launch.reproduce` runs them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from supcon_tf.config import Experiment
from supcon_tf.names import MEASURES, one_of
from supcon_tf.settings import settings

BUDGETS = ("digits", "tiny", "small", "paper")
TRANSFER = "transfer"  # the measure of numbers that `launch.transfer` takes
LONGEST = 100  # characters of the name of a directory; file systems allow 255 bytes


class Number(NamedTuple):
    """One number that a run has.

    Attributes:
        title: what a table calls it.
        unit: "%" or "".
        measure: that `launch.evaluate` takes for it, of `names.MEASURES`; "transfer": `launch.transfer` does, to the
            set that is the cell's column; empty: training says it.
        entry: its name in `measures.json`, or in `summary.json`.
        scale: what makes a stored value one of the table.
        complement: whether the table has 100 minus it, the accuracy where an error is stored.
        higher: whether more is better.
    """

    title: str
    unit: str
    measure: str
    entry: str
    scale: float = 1.0
    complement: bool = False
    higher: bool = True

    def of(self, stored: float) -> float:
        """What the table shows of a stored value.

        Example:
            >>> NUMBERS["top1"].of(0.787), NUMBERS["top1_severity_1"].of(34.5)
            (78.7, 65.5)
        """
        value = self.scale * stored
        return 100.0 - value if self.complement else value


NUMBERS = {
    "top1": Number("top-1", "%", "", "test_accuracy", 100.0),
    "top5": Number("top-5", "%", "accuracy", "top5", 100.0),
    "knn": Number("kNN top-1", "%", "knn_dino", "knn_dino", 100.0),
    "probe": Number("top-1 by L-BFGS on frozen features", "%", "linear", "linear_lbfgs", 100.0),
    "ece": Number("ECE", "", "calibration", "ece", higher=False),
    "mean_error": Number("mean error under corruption", "%", "robustness", "mean_error", higher=False),
    "mce": Number("mCE", "", "robustness", "mce", higher=False),
    "relative_mce": Number("relative mCE", "", "robustness", "relative_mce", higher=False),
    "transfer_linear": Number("linear classifier on another set", "%", "transfer", "transfer_linear", 100.0),
    "transfer_fine_tune": Number("fine-tuned on another set", "%", "transfer", "transfer_fine_tune", 100.0),
    **{
        f"top1_severity_{level}": Number(
            f"top-1, severity {level}", "%", "robustness", f"error_severity_{level}", complement=True
        )
        for level in range(1, 6)
    },
    **{
        f"ece_severity_{level}": Number(
            f"ECE, severity {level}", "", "robustness", f"ece_severity_{level}", 0.01, higher=False
        )
        for level in range(1, 6)
    },
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        row, column: where it stands.
        experiment: dotted name of what is trained.
        settings: that differ from the experiment's, by dotted name.
        paper: the paper's number, in the unit of the table; None where it has none.
        number: which, of `NUMBERS`.
        seeds: how many runs, with seeds 0, 1, ...
        x: place on the axis of a figure; None in a table.

    Raises:
        ValueError: there is no such number, or no seed.
    """

    row: str
    column: str
    experiment: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    paper: Optional[float] = None
    number: str = "top1"
    seeds: int = 3
    x: Optional[float] = None

    def __post_init__(self):
        one_of("number", self.number, NUMBERS)
        if self.seeds < 1:
            raise ValueError(f"a cell needs at least one seed; {self.row}, {self.column} has {self.seeds}.")

    @property
    def trained(self) -> str:
        """The name of what is trained: that of its directory, and the same for cells that share runs.

        Example:
            >>> Cell("SupCon", "tau", "digits.supcon", {"loss.temperature": 0.2}).trained
            'digits.supcon/loss.temperature=0.2'
        """
        said = "+".join(f"{name}={text_of(value)}" for name, value in sorted(self.settings.items())) or "as_it_is"
        if len(said) > LONGEST:
            said = f"{said[: LONGEST - 9]}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
        return f"{self.experiment}/{said.replace('/', '_')}"

    def told_once(self, recipes: Mapping[str, Mapping[str, Any]]) -> Cell:
        """The same without settings that its experiment has anyway: one training has one name, and runs once.

        Args:
            recipes: `values_of` experiments, by their names; a cell of another experiment stays as it is.
        """
        has = recipes.get(self.experiment, {})
        differs = {name: value for name, value in self.settings.items() if name not in has or has[name] != value}
        return dataclasses.replace(self, settings=differs)

    @property
    def flags(self) -> list[str]:
        """Its settings as a command line has them."""
        return [f"--{name}={text_of(value)}" for name, value in self.settings.items()]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table or a panel of a figure.

    Attributes:
        name: as `--table` has it.
        title: what it shows, in a line.
        source: where the paper has it.
        cells: by budget.
        across: what the x axis of a panel is; empty for a table.
        reference: the row that others are compared with; empty: none.
        notes: by budget, what differs from the paper, and how its settings were chosen.

    Raises:
        ValueError: a budget has two cells in one place, or none has a row called `reference`.
    """

    name: str
    title: str
    source: str
    cells: Mapping[str, tuple[Cell, ...]]
    across: str = ""
    reference: str = ""
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for budget, cells in self.cells.items():
            one_of("budget", budget, BUDGETS)
            places = [(cell.row, cell.column) for cell in cells]
            twice = [place for place in dict.fromkeys(places) if places.count(place) > 1]
            if twice:
                raise ValueError(f"table {self.name}, budget {budget} has two cells at {twice[0]}.")
        rows = {cell.row for cells in self.cells.values() for cell in cells}
        if self.reference and self.reference not in rows:
            raise ValueError(f"table {self.name} has no row {self.reference!r} to compare with.")

    def of(self, budget: str) -> tuple[Cell, ...]:
        """Its cells at a budget; ValueError where it has none."""
        if not self.cells.get(budget):
            there = ", ".join(name for name in BUDGETS if self.cells.get(name))
            raise ValueError(f"table {self.name} has no cells at budget {budget}; it has {there}.")
        return self.cells[budget]


class Run(NamedTuple):
    """One training, and what is measured of it.

    Attributes:
        cell: the first that asks for it; others differ in place and number only.
        seed: of the run.
        measures: that `launch.evaluate` takes.
        transfers: that `launch.transfer` takes: pairs of a way, of `names.TRANSFERS`, and a set.
    """

    cell: Cell
    seed: int
    measures: tuple[str, ...] = ()
    transfers: tuple[tuple[str, str], ...] = ()

    @property
    def directory(self) -> str:
        """Below the directory of all runs."""
        return f"{self.cell.trained}/seed_{self.seed}"


def runs_of(cells: Sequence[Cell]) -> list[Run]:
    """The runs that cells need, each once, in the order that informs first: everything at seed 0, then at seed 1.

    Args:
        cells: of one table, or of several.

    Example:
        >>> cells = [Cell("a", "", "digits.supcon", seeds=2), Cell("b", "", "digits.cross_entropy", seeds=1)]
        >>> [run.directory for run in runs_of(cells)][:2]
        ['digits.supcon/as_it_is/seed_0', 'digits.cross_entropy/as_it_is/seed_0']
    """
    found: dict[tuple, list[Cell]] = {}
    for cell in cells:
        for seed in range(cell.seeds):
            found.setdefault((cell.trained, seed), []).append(cell)
    runs = []
    for (_, seed), own in found.items():
        asked = {NUMBERS[cell.number].measure for cell in own}
        moved = [cell for cell in own if NUMBERS[cell.number].measure == TRANSFER]
        transfers = dict.fromkeys((cell.number.removeprefix("transfer_"), cell.column) for cell in moved)
        runs.append(Run(own[0], seed, tuple(name for name in MEASURES if name in asked), tuple(transfers)))
    return sorted(runs, key=lambda run: run.seed)  # stable: cells keep their order


def values_of(experiment: Experiment) -> dict[str, Any]:
    """Every setting of an experiment, by dotted name."""
    return {known.name: known.value for known in settings(experiment)}


def text_of(value: Any) -> str:
    """A setting as a command line has it.

    Example:
        >>> text_of((0.5, 1.0)), text_of(None), text_of(True)
        ('0.5,1.0', 'none', 'true')
    """
    if isinstance(value, (tuple, list)):
        return ",".join(map(text_of, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)
