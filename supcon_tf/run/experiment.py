"""One experiment from data to report: the whole run, top to bottom.

The run directory afterwards holds

    config.json  environment.json   the experiment, and the software that ran it
    data.json                       which data it was begun with
    metrics.jsonl  tensorboard/     a record of every epoch
    checkpoints/<stage>/            the newest three of each stage
    evaluation.npz  summary.json    test-set embeddings and predictions; the result
    report.html                     all of it as pictures
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any, Callable, Optional, Union

from supcon_tf import failures
from supcon_tf.config import Experiment
from supcon_tf.data.sets.source import reading
from supcon_tf.distribution import cluster
from supcon_tf.distribution.strategy import is_chief
from supcon_tf.evaluation.arrays import doubt_of
from supcon_tf.evaluation.features import embed_split
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import Networks, build_networks
from supcon_tf.records.directory import RunDirectory
from supcon_tf.report.report import RunningReport
from supcon_tf.run import recipe, result
from supcon_tf.run.context import RunContext, own_state
from supcon_tf.run.preparation import prepared
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.loop import train_stage
from supcon_tf.training.observer import Observer
from supcon_tf.training.reporting import Reporter


def run_experiment(
    experiment: Experiment,
    directory: Union[str, pathlib.Path],
    *,
    data_dir: Optional[str] = None,
    command: str = "",
    write_report: bool = True,
    make_networks: Callable[..., Networks] = build_networks,
) -> dict[str, Any]:
    """Trains every stage of an experiment (Khosla et al., 2020, Sec. 3), evaluates the result, writes the report.

    The same call on the same directory continues where an interrupted run stopped; a finished run is left as it is.
    SIGTERM and Ctrl-C wait, while a stage trains, for a checkpoint (`training.loop.train_stage`). Random state,
    precision policy and signal handlers are afterwards what they were before.

    Args:
        experiment: what to run.
        directory: of the run; made if absent.
        data_dir: where TFDS data sets are prepared; default `<directory>/data`.
        command: what a person typed to get this run; kept in the summary.
        write_report: make `report.html`; a caller that compares several runs may write one for all instead.
        make_networks: called as `networks.networks.build_networks` is, to make other networks.

    Returns:
        The summary that `summary.json` holds (`run.result.measured`); "test_accuracy" is that of the last epoch,
        never the best, and None where only the contrastive stage ran. Nothing on hosts of a "multi_worker" run other
        than its chief.

    Raises:
        ValueError: the directory belongs to another experiment or process, the data set is not prepared, or a batch
            is larger than the data set.
        FloatingPointError: training diverged.
        MemoryError: a stage needs more than there is; the message says what to lower.
        OSError: a file of the run or of the data set could not be written or read, as on a full disk.
        ConnectionError: another host of a "multi_worker" run is gone.
        InterruptedError: a signal came whose handler went on; the state is saved.

    Example:
        >>> from supcon_tf.config import Data, Encoder, Stage
        >>> small, baseline = Encoder(name="resnet18", width=0.0625), Stage(epochs=1, batch_size=32)
        >>> experiment = Experiment(
        ...     name="mine.digits", data=Data(name="digits", examples=64), encoder=small, cross_entropy=baseline
        ... )
        >>> summary = run_experiment(experiment, tempfile.mkdtemp())
        mine.digits: 64 training and 539 test images of digits, ...
        >>> summary["test_images"]
        539
    """
    place = RunDirectory(directory)
    with own_state(experiment), _with_others(experiment):
        if not is_chief(experiment.strategy):
            return _assist(experiment, place, data_dir, make_networks)
        _lead(experiment, place, data_dir, command, RunningReport(place) if write_report else None, make_networks)
    return place.read_summary()


def _with_others(experiment: Experiment) -> contextlib.AbstractContextManager[None]:
    """A block in which the loss of another host is told as such."""
    return cluster.whole() if experiment.strategy == "multi_worker" else contextlib.nullcontext()


def _lead(
    experiment: Experiment,
    directory: RunDirectory,
    data_dir: Optional[str],
    command: str,
    page: Optional[RunningReport],
    make_networks: Callable[..., Networks],
) -> None:
    """A run on its only host, or on the chief of several: all steps and all files."""
    directory.check(experiment)
    if directory.summary.exists():
        directory.read_summary()
        print(f"{directory} is complete; its result is in {directory.summary}.", flush=True)
        if page is None or page.is_final():
            return
    with directory.held():
        directory.open(experiment)
        if not directory.summary.exists():
            run = prepared(experiment, directory, directory, data_dir or str(directory.path / "data"), make_networks)
            run = dataclasses.replace(run, page=page)
            _train_all(run)
            with _evaluating(run):
                summary = {**_result(run), "command": command}
            directory.write(directory.summary, json.dumps(summary, indent=2) + "\n")
        if page:
            page.write()
            print(f"report: {page.path}", flush=True)


def _assist(
    experiment: Experiment, directory: RunDirectory, data_dir: Optional[str], make_networks: Callable[..., Networks]
) -> dict[str, Any]:
    """A run on a host that is not the chief: the same steps, and no file that is kept."""
    if directory.summary.exists():
        return {}
    with tempfile.TemporaryDirectory() as own:
        written = RunDirectory(own)
        run = prepared(experiment, directory, written, data_dir or str(written.path / "data"), make_networks)
        _train_all(run)
        with _evaluating(run):
            _embedded(run)  # the chief's evaluation needs all
    return {}


def _train_all(run: RunContext) -> None:
    """Trains every stage in turn."""
    for name in run.experiment.stages:
        with failures.explained(f"the {name} stage", smaller=_smaller(run.experiment, name)), reading(run.source):
            _train(run, name)


def _smaller(experiment: Experiment, name: str) -> str:
    """What makes a stage need less memory."""
    ways = [f"lower {name}.batch_size"]
    if STAGE_KINDS[name].micro_batches:
        ways.append("raise train.microbatches")
    if STAGE_KINDS[name].compares and experiment.queue.size:
        ways.insert(0, f"lower queue.size={experiment.queue.size}, whose rows every replica holds")
    ways.append("take a smaller encoder.width or data.image_size")
    return f"What helps: {'; or '.join(ways)}."


def _train(run: RunContext, name: str) -> None:
    """Trains one stage, from wherever its checkpoints say it stopped."""
    experiment, stage = run.experiment, recipe.prepare(run, name)
    state, duration = stage.plan.state, stage.plan.duration
    train_stage(
        stage.plan,
        strategy=run.strategy,
        checkpoints=StageCheckpoints(
            state, run.written.checkpoints(name), run.directory.checkpoints(name), run.written.verify
        ),
        reporter=Reporter(
            run.written,
            name,
            title=f"{experiment.name} {name}",
            duration=duration,
            learning_rate=stage.schedule,
            watch=stage.watch,
            start=stage.start,
            recorded=run.page.update if run.page else lambda: None,
        ),
        observer=Observer(
            state,
            run.strategy,
            every=experiment.train.diagnose_every,
            duration=duration,
            kept_images=recipe.kept_images(experiment),
        ),
        pace=recipe.pace_of(experiment, run.strategy.num_replicas_in_sync),
    )


@contextlib.contextmanager
def _evaluating(run: RunContext) -> Iterator[None]:
    """A block that evaluates: what goes wrong in it is told, and the state is saved."""
    smaller = "The state is saved; a device with more memory can go on from it."
    with failures.explained("the evaluation", smaller=smaller), reading(run.source):
        yield


def _embedded(run: RunContext) -> dict[str, Any]:
    """Embeddings, logits and labels of the test split."""
    return embed_split(run.networks, strategy=run.strategy, batches=recipe.evaluation_batches(run, "test"))


def _result(run: RunContext) -> dict[str, Any]:
    """Evaluates the run; returns what `summary.json` says of it."""
    experiment, embedded = run.experiment, _embedded(run)
    doubt = doubt_of(embedded["embeddings"], "test")
    if doubt:
        print(f"{experiment.name}: WARNING: {doubt}", flush=True)
    classified = any(STAGE_KINDS[name].classifies for name in experiment.stages)
    first = next(iter(experiment.stages))
    result.save_evaluation(
        run.directory,
        embedded,
        run.source,
        crop=recipe.crop_of(experiment, run.size),
        views=recipe.views_of(experiment, first, run.size),
        seed=experiment.seed,
        classified=classified,
    )
    measured = result.measured(run.directory, embedded, run.networks.parts(), classified=classified)
    said = {"test_accuracy": "test accuracy {:.2%}", "test_mean_average_precision": "test mAP {:.2%}"}
    told = [form.format(measured[name]) for name, form in said.items() if measured.get(name) is not None]
    if told:
        print(f"{experiment.name}: {', '.join(told)}", flush=True)
    return {"experiment": experiment.name, "seed": experiment.seed, **measured}
