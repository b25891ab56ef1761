"""Runs what a table of the paper needs, and writes the table: the paper's numbers beside those measured.

    python -m launch.reproduce --table=2 --budget=digits --workdir=runs/tables
    python -m launch.reproduce --table=1,5 --budget=small --workdir=runs/tables --data_dir=DATA_DIR --plan

Every run has a directory of its own, which tables share. The same command continues where it stopped, and keeps what
is complete. All rows are run with seed 0 first. `--plan` says what is complete and how many hours the rest takes.
"""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from absl import flags

from experiments.tables import TABLES
from launch import catalogue
from launch.children import Corrupted, run_all
from launch.endings import plain_endings, quiet
from launch.flags import define_directory, refuse_strays, run_app
from supcon_tf import settings
from supcon_tf.config import Experiment
from supcon_tf.names import one_of
from supcon_tf.records import metrics, results, run_numbers, words
from supcon_tf.records.directory import RunDirectory
from supcon_tf.tables import BUDGETS, Cell, Run, Table, runs_of

FLAGS = flags.FLAGS

flags.DEFINE_list("table", [], f"tables, separated by commas: all, or of {', '.join(TABLES)}")
flags.DEFINE_enum(
    "budget", "digits", BUDGETS, "embedded digits in minutes, CIFAR-10 in hours or in days, or the paper's own runs"
)
define_directory("workdir", "directory of all runs and tables; made if absent, continued if it holds them")
define_directory("data_dir", "directory of prepared TFDS data sets; default: `data` inside the workdir")
flags.DEFINE_string(
    "corrupted", "", "stored corrupted images, as ImageNet-C, for the tables of robustness: as of launch.evaluate; "
    "default: corrupted in memory, which is not the published benchmark",
)  # fmt: skip
define_directory("frost_dir", "folder with the authors' pictures of frost; default: generated ones")
flags.DEFINE_list("seeds", [], "only these of the seeds that the table asks for; empty: all of them")
flags.DEFINE_bool("plan", False, "say what is complete and what the rest takes, and run nothing")
flags.DEFINE_bool("retry", False, "try again what ended without a result, such as runs that diverged")

AFTERWARDS = "the same command goes on, and keeps what is complete"
ENDED = ("complete", "failed", "damaged")
TRAINED = "trained, not measured"


class Planned(NamedTuple):
    """A run of a table.

    Attributes:
        run: of a cell.
        experiment: what it trains.
        state: "complete", "failed", "damaged", or how far it is.
        hours: what is left of it; 0 where nothing is.
    """

    run: Run
    experiment: Experiment
    state: str
    hours: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.state not in ENDED


def main(argv: list[str]) -> None:
    """Checks every run before one is begun, then runs them in turn."""
    quiet()
    with plain_endings(afterwards=AFTERWARDS):
        refuse_strays(argv)
        tables, root = _tables(), _root()
        if FLAGS.corrupted and FLAGS.frost_dir:
            raise ValueError("stored images (--corrupted) have their own frost; leave --frost_dir out.")
        planned = [_planned(run, root) for run in runs_of([c for t in tables for c in t.of(FLAGS.budget)])]
        seeds = _seeds(planned)
        if any(each.is_open for each in planned):
            planned = _with_hours(planned, root)  # of other seeds, too: the table says what they cost
        chosen = [each for each in planned if each.run.seed in seeds]
        if any(each.is_open for each in chosen) or FLAGS.plan:
            print(_plan(chosen), flush=True)
        if not FLAGS.plan:
            _run(tables, chosen, root, hours={each.run.directory: each.hours for each in planned})


def _tables() -> list[Table]:
    """Those that the command names, which the budget has."""
    if not FLAGS.table:
        shown = "\n".join(f"  {table.name:<14}{table.source}: {table.title}" for table in TABLES.values())
        raise ValueError(f"say which table: --table=2. There are:\n{shown}")
    if FLAGS.table == ["all"]:
        return [table for table in TABLES.values() if table.cells.get(FLAGS.budget)]
    found = [TABLES[one_of("table", name, TABLES)] for name in FLAGS.table]
    for table in found:
        table.of(FLAGS.budget)
    return found


def _root() -> pathlib.Path:
    if not FLAGS.workdir:
        raise ValueError("say where the runs live: --workdir=runs/tables.")
    root = pathlib.Path(FLAGS.workdir)
    if (root / "config.json").exists():
        raise ValueError(f"{root} is the directory of a single run; name another --workdir.")
    return root


def _seeds(planned: Sequence[Planned]) -> set[int]:
    """Those that the command names, of those that the tables have."""
    if not all(seed.strip().isdigit() for seed in FLAGS.seeds):
        raise ValueError(f"--seeds must be whole numbers separated by commas, as 0,1,2; got {','.join(FLAGS.seeds)}.")
    there = {each.run.seed for each in planned}
    found = there.intersection(map(int, FLAGS.seeds)) if FLAGS.seeds else there
    if not found:
        raise ValueError(
            f"--seeds={','.join(FLAGS.seeds)} has none of these tables' seeds, which are 0 to {max(there)}."
        )
    return found


def _planned(run: Run, root: pathlib.Path) -> Planned:
    """A run and how far it is; ValueError where its settings do not go together, or its directory holds another."""
    cell = run.cell
    with _named(cell):
        experiment = settings.override(catalogue.load(cell.experiment), {**cell.settings, "seed": run.seed})
    directory = RunDirectory(root / run.directory)
    directory.check(experiment)
    return Planned(run, experiment, _state(run, directory, root))


@contextlib.contextmanager
def _named(cell: Cell) -> Iterator[None]:
    """An error says which cell has it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{cell.row}, {cell.column} ({cell.trained}): {error}") from error


def _state(run: Run, directory: RunDirectory, root: pathlib.Path) -> str:
    if directory.summary.exists():
        try:
            results.require_whole(run, directory)
            left = run_numbers.missing(run, directory, _corrupted().wanted)
        except ValueError:  # the table says it
            return "damaged"
        return TRAINED if left.measures or left.transfers else "complete"
    if run.directory in results.failures(root) and not FLAGS.retry:
        return "failed"
    records = metrics.read(directory.metrics)
    return f"{records[-1]['stage']}, epoch {records[-1]['epoch']}" if records else "not begun"


def _with_hours(planned: Sequence[Planned], root: pathlib.Path) -> list[Planned]:
    """The same with the hours that are left, from the speed of a few steps of each kind of stage."""
    from supcon_tf.run.speed import Speeds  # TensorFlow is loaded here

    speeds = Speeds(
        root / "speed.json", FLAGS.data_dir or str(root / "data"), told=lambda line: print(line, flush=True)
    )
    found = []
    for each in planned:
        trains = each.state not in (*ENDED, TRAINED)
        done = metrics.read(RunDirectory(root / each.run.directory).metrics) if trains else []
        with _named(each.run.cell):
            found.append(each._replace(hours=speeds.hours(each.experiment, done) if trains else 0.0))
    return found


def _plan(planned: Sequence[Planned]) -> str:
    """The runs in their order, and what is left."""
    wide = max(len(each.run.directory) for each in planned)
    lines = [
        f"{each.run.directory:<{wide}}  {each.state}" + (f", {words.duration(3600 * each.hours)}" if each.hours else "")
        for each in planned
    ]
    left = [each for each in planned if each.is_open]
    total = words.duration(3600 * sum(each.hours for each in planned))
    told = f"{len(planned)} runs, {len(left)} to do: about {total} of training on this machine, by the speed of a few"
    return "\n".join([*lines, f"{told} updates; what is measured afterwards comes on top"])


def _run(tables: Sequence[Table], chosen: Sequence[Planned], root: pathlib.Path, *, hours: dict) -> None:
    """Everything that is left, in turn; its tables are written after each run, with the hours of the rest."""
    left = [each for each in chosen if each.is_open]
    begun = time.perf_counter()
    for number, each in enumerate(left, 1):
        rest = words.duration(3600 * sum(other.hours for other in left[number - 1 :]))
        print(f"\nrun {number} of {len(left)}, about {rest} left: {each.run.directory}", flush=True)
        run_all(each.run, root, FLAGS.data_dir or str(root / "data"), _corrupted())
        hours[each.run.directory] = 0.0
        _write([table for table in tables if _shows(table, each.run)], root, hours, quietly=True)
    _write(tables, root, hours)
    if left:
        print(f"all in {words.duration(time.perf_counter() - begun)}", flush=True)


def _corrupted() -> Corrupted:
    return Corrupted(FLAGS.corrupted or "", FLAGS.frost_dir or "")


def _shows(table: Table, run: Run) -> bool:
    """Whether a table has a cell that is measured on this training."""
    return any(cell.trained == run.cell.trained for cell in table.of(FLAGS.budget))


def _write(tables: Sequence[Table], root: pathlib.Path, hours: dict, *, quietly: bool = False) -> None:
    """Every table as it stands, in all forms."""
    from supcon_tf.report import paper_table

    for table in tables:
        found, arrays = results.collected(table, FLAGS.budget, root, hours=hours)
        results.write(root, found, arrays)
        page = paper_table.write(root, found)
        if not quietly:
            print(f"\n{paper_table.as_text(found)}\n\npage: {page}", flush=True)


if __name__ == "__main__":
    run_app(main)
