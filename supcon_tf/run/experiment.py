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
import functools
import json
import pathlib
import tempfile
from typing import Callable, Optional, Union

import tensorflow as tf

from supcon_tf.config import Experiment, check_batches
from supcon_tf.data import pipeline
from supcon_tf.data.sets.load import load_source
from supcon_tf.data.sets.source import Facts, Source, reading
from supcon_tf.distribution import cluster
from supcon_tf.distribution.strategy import describe, is_chief, make_strategy
from supcon_tf.evaluation.features import embed_split
from supcon_tf.evaluation.knn import knn_accuracy_on
from supcon_tf.evaluation.linear import accuracy_on, precision_on
from supcon_tf.names import STAGE_KINDS
from supcon_tf.networks.networks import Networks, build_networks
from supcon_tf.report import report
from supcon_tf.run import preflight
from supcon_tf.run.recipe import (
    compiles_parts,
    first_state,
    kept_images,
    plateau_of,
    schedule_of,
    step_of,
    watch_of,
)
from supcon_tf.run.result import save_result
from supcon_tf.training import failures, steps
from supcon_tf.training.checkpoints import StageCheckpoints
from supcon_tf.training.diagnostics import Observer
from supcon_tf.training.loop import Duration, train_stage
from supcon_tf.training.reporting import Reporter
from supcon_tf.training.run_directory import (
    check_run_directory,
    exclusive,
    keep_same_data,
    open_run_directory,
    read_summary,
    replace_text,
)
from supcon_tf.training.warm_start import load_encoder

EVALUATION_BATCH = 256  # images; the last batch is padded, so the number decides speed only


def run_experiment(
    experiment: Experiment,
    directory: Union[str, pathlib.Path],
    *,
    data_dir: Optional[str] = None,
    command: str = "",
    write_report: bool = True,
) -> dict:
    """Trains every stage of an experiment, evaluates the result and writes the report.

    The same call on the same directory continues where an interrupted run stopped; a finished run is left as it is.
    SIGTERM and Ctrl-C wait, while a stage trains, for a checkpoint (`training.loop.train_stage`).

    Args:
        experiment: what to run.
        directory: of the run; made if absent.
        data_dir: where TFDS data sets are prepared; default `<directory>/data`.
        command: what a person typed to get this run; kept in the summary.
        write_report: make `report.html`; a caller that compares several runs may write one for all instead.

    Returns:
        The summary that `summary.json` holds (`evaluation.result.save_result`); "test_accuracy" is that of the last
        epoch, never the best, and None where only the contrastive stage ran. Nothing on hosts of a "multi_worker" run
        other than its chief.

    Raises:
        ValueError: the directory belongs to another experiment or process, the data set is not prepared, or a batch
            is larger than the data set.
        FloatingPointError: training diverged.
        MemoryError: a stage needs more than there is; the message says what to lower.
        OSError: a file of the run or of the data set could not be written or read, as on a full disk.
        ConnectionError: another host of a "multi_worker" run is gone.
    """
    directory = pathlib.Path(directory)
    with cluster.whole() if experiment.strategy == "multi_worker" else contextlib.nullcontext():
        if not is_chief(experiment.strategy):
            return _assist(experiment, directory, data_dir)
        return _lead(experiment, directory, data_dir, command, write_report)


def _lead(
    experiment: Experiment, directory: pathlib.Path, data_dir: Optional[str], command: str, write_report: bool
) -> dict:
    """A run on its only host, or on the chief of several: all steps and all files."""
    check_run_directory(directory, experiment)
    summary_path, page = directory / "summary.json", report.RunningReport(directory)
    if summary_path.exists():
        read_summary(directory)
        print(f"{directory} is complete; its result is in {summary_path}.", flush=True)
    if not summary_path.exists() or (write_report and not page.is_final()):
        with exclusive(directory):
            open_run_directory(directory, experiment)
            if not summary_path.exists():
                run = _prepare(experiment, directory, directory, data_dir or str(directory / "data"))
                run = dataclasses.replace(run, page=page if write_report else None)
                _train_all(run)
                replace_text(summary_path, json.dumps({**_result(run), "command": command}, indent=2) + "\n")
            if write_report:
                page.write()
                print(f"report: {page.path}", flush=True)
    return read_summary(directory)


def _assist(experiment: Experiment, directory: pathlib.Path, data_dir: Optional[str]) -> dict:
    """A run on a host that is not the chief: the same steps, and no file that is kept."""
    if (directory / "summary.json").exists():
        return {}
    with tempfile.TemporaryDirectory() as own:
        run = _prepare(experiment, directory, pathlib.Path(own), data_dir or str(pathlib.Path(own) / "data"))
        _train_all(run)
        embed_split(run.networks, strategy=run.strategy, batches=run.test_batches)  # the chief's evaluation needs all
    return {}


@dataclasses.dataclass(frozen=True)
class _Run:
    """What every part of a run needs."""

    experiment: Experiment
    directory: pathlib.Path  # of the run
    written: pathlib.Path  # where this host writes: the same for the chief
    strategy: tf.distribute.Strategy
    source: Source
    size: int  # S, the side of the images that the encoder sees
    durations: dict[str, Duration]  # of each stage
    schedules: dict[str, tf.keras.optimizers.schedules.LearningRateSchedule]  # of each stage
    networks: Networks
    page: Optional[report.RunningReport] = None  # written as the run goes on, by the chief

    def test_batches(self, context: tf.distribute.InputContext) -> tf.data.Dataset:
        return self.batches_of("test", context)

    def batches_of(self, split: str, context: tf.distribute.InputContext) -> tf.data.Dataset:
        """Every image of "train" or "test" once, as it is."""
        return pipeline.evaluation(
            self.source, split, batch_size=EVALUATION_BATCH, size=self.size, input_context=context, **self.crop
        )

    @property
    def crop(self) -> dict:
        """Arguments of `augment.evaluation_crops`."""
        data = self.experiment.data
        return {"crop": data.evaluation_crop, "padding": data.evaluation_padding}


def _prepare(experiment: Experiment, directory: pathlib.Path, written: pathlib.Path, data_dir: str) -> _Run:
    """Devices, data and networks; whatever is wrong with a run shows here, before it trains."""
    strategy = make_strategy(  # First: it may have to make devices.
        experiment.strategy, replicas=experiment.replicas, tpu=experiment.tpu, wait_seconds=experiment.wait_seconds
    )
    check_batches(experiment, strategy.num_replicas_in_sync)
    source = load_source(data_dir=data_dir, seed=experiment.seed, **experiment.data.source)
    if written == directory:
        keep_same_data(directory, experiment.data.name, source.fingerprint())
    facts, size = source.facts, _image_size(experiment, source.facts)
    source.count("test")  # Refuses a set with nothing to evaluate on.
    doubts = preflight.check(experiment, source, size=size, replicas=strategy.num_replicas_in_sync)
    durations = {
        name: Duration(stage.epochs, facts.train_examples, stage.batch_size)
        for name, stage in experiment.stages.items()
    }
    schedules = {name: schedule_of(stage, durations[name]) for name, stage in experiment.stages.items()}
    networks = _networks(experiment, strategy, image_shape=(size, size, facts.image_shape[-1]), classes=facts.classes)
    print(
        f"{experiment.name}: {facts.train_examples:,} training and {facts.test_examples:,} test images of "
        f"{facts.name}, {networks.encoder.count_params():,} encoder weights; "
        f"{describe(experiment.strategy, strategy, next(iter(experiment.stages.values())).batch_size)}",
        flush=True,
    )
    if experiment.encoder_from:
        print(f"the encoder is that of {load_encoder(networks, pathlib.Path(experiment.encoder_from))}", flush=True)
    for doubt in doubts:
        print(f"{experiment.name}: WARNING: {doubt}", flush=True)
    return _Run(experiment, directory, written, strategy, source, size, durations, schedules, networks)


def _image_size(experiment: Experiment, facts: Facts) -> int:
    """S, the side of the images that the encoder sees."""
    size = experiment.data.image_size or facts.image_shape[0]
    if size is None:
        raise ValueError(f"images of {facts.name} differ in size: set `data.image_size`, for instance to 224.")
    return size


def _networks(experiment: Experiment, strategy, *, image_shape: tuple, classes: int) -> Networks:
    """Networks in their first state, whatever ran before in the process."""
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(experiment.seed)
    tf.keras.mixed_precision.set_global_policy(experiment.precision)
    replicas, across = strategy.num_replicas_in_sync, experiment.cross_replica_batch_norm
    build = functools.partial(
        build_networks,
        experiment.encoder,
        experiment.projection,
        image_shape=image_shape,
        classes=classes,
        # On one device the statistics are the batch's own either way, and the plain layer has the fused kernel.
        cross_replica_batch_norm=across and replicas > 1,
        zero_initialize_classifier=experiment.zero_initialize_classifier,
        jit_compile=compiles_parts(experiment, replicas) and not across,
    )
    with strategy.scope():
        networks = build()
        networks.follower = build() if experiment.queue.size else None
    if compiles_parts(experiment, replicas) and across:
        print(
            "train.jit_compile: XLA compiles the loss alone, since replicas meet in every batch norm of the networks; "
            "cross_replica_batch_norm=false has the networks compiled too.",
            flush=True,
        )
    return networks


def _train_all(run: _Run) -> None:
    """Trains every stage in turn."""
    for name in run.experiment.stages:
        parts = "" if name == "linear" else ", or raise train.microbatches"
        with failures.explained(f"the {name} stage", smaller=f"Lower {name}.batch_size{parts}."), reading(run.source):
            _train(run, name)


def _train(run: _Run, name: str) -> None:
    """Trains one stage, from wherever its checkpoints say it stopped."""
    stage, comparing = run.experiment.stages[name], STAGE_KINDS[name].compares
    duration, schedule = run.durations[name], run.schedules[name]
    plateau = plateau_of(run.experiment, stage) if comparing else None
    state = first_state(run.experiment, name, run.networks, schedule, run.strategy)
    training = functools.partial(
        pipeline.training,
        run.source,
        batch_size=stage.batch_size,
        size=run.size,
        seed=run.experiment.seed,
        view_count=run.experiment.data.views if comparing else 1,
        images_per_class=run.experiment.data.images_per_class if comparing else 0,
        **dataclasses.asdict(stage.augment),
    )
    train_stage(
        step_of(run.experiment, name, state),
        state,
        strategy=run.strategy,
        batches=lambda done, context: training(start_step=done, input_context=context),
        duration=duration,
        checkpoints=StageCheckpoints(
            state, run.written / "checkpoints" / name, read_from=run.directory / "checkpoints" / name
        ),
        reporter=Reporter(
            run.written,
            name,
            title=f"{run.experiment.name} {name}",
            epochs=stage.epochs,
            total_steps=duration.total_steps,
            batch_size=stage.batch_size,
            learning_rate=lambda step: float(schedule(step)),
            constants={"plateau": plateau.value} if plateau else {},
            watch=watch_of(run.experiment, name, plateau, duration) if plateau else None,
            recorded=run.page.update if run.page else lambda: None,
        ),
        observer=Observer(
            steps.trained_variables(run.networks, name),
            run.strategy,
            every=run.experiment.train.diagnose_every,
            total_steps=duration.total_steps,
            kept_images=kept_images(run.experiment),
        ),
        evaluate=_evaluation(run, name),
        evaluate_every=stage.evaluate_every if "classifier" in steps.trained_parts(name) else run.experiment.knn.every,
        steps_per_call=run.experiment.train.steps_per_call,
        jit_compile=run.experiment.train.jit_compile and run.strategy.num_replicas_in_sync == 1,
        checkpoint_every=run.experiment.train.checkpoint_every,
    )


def _evaluation(run: _Run, name: str) -> Optional[Callable[[], dict]]:
    """What is measured on the test split while a stage trains: the classifier, or neighbours where none is trained."""
    if "classifier" in steps.trained_parts(name):
        measure = precision_on if run.source.facts.label_sets else accuracy_on
        return measure(run.networks, strategy=run.strategy, batches=run.test_batches)
    knn = run.experiment.knn
    if not knn.every:
        return None
    return knn_accuracy_on(
        run.networks,
        strategy=run.strategy,
        train_batches=functools.partial(run.batches_of, "train"),
        test_batches=run.test_batches,
        classes=run.source.facts.classes,
        neighbours=knn.neighbours,
        temperature=knn.temperature,
    )


def _result(run: _Run) -> dict:
    """Evaluates the run; returns what `summary.json` says of it."""
    experiment = run.experiment
    first_stage = next(iter(experiment.stages.values()))
    measured = save_result(
        run.directory,
        run.networks,
        strategy=run.strategy,
        batches=run.test_batches,
        source=run.source,
        size=run.size,
        classified=any(STAGE_KINDS[name].classifies for name in experiment.stages),
        crop=run.crop,
        view_count=experiment.data.views,
        seed=experiment.seed,
        **dataclasses.asdict(first_stage.augment),
    )
    said = {"test_accuracy": "test accuracy {:.2%}", "test_mean_average_precision": "test mAP {:.2%}"}
    found = [form.format(measured[name]) for name, form in said.items() if measured.get(name) is not None]
    if found:
        print(f"{experiment.name}: {', '.join(found)}", flush=True)
    return {"experiment": experiment.name, "seed": experiment.seed, **measured}
