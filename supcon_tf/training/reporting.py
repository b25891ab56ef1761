"""What a run says while it trains: a line an epoch, a bar for a person, `metrics.jsonl`, and TensorBoard files."""

from __future__ import annotations

import errno
import pathlib
import sys
from typing import Callable, Optional

import tensorflow as tf
from tqdm import tqdm

from supcon_tf import notebook
from supcon_tf.failures import first_line
from supcon_tf.records import metrics, words
from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.environment import memory
from supcon_tf.training.duration import Duration
from supcon_tf.training.plateau import PlateauWatch
from supcon_tf.training.start import StartWatch

# What a line shows of what an epoch measured, in this order. docs/reference/records.md has all that is recorded.
SHOWN = (
    ("loss", "loss {:.4f}"),
    ("plateau_distance", "{:.1%} below its plateau"),
    ("train_accuracy", "train accuracy {:.1%}"),
    ("test_accuracy", "test accuracy {:.1%}"),
    ("test_mean_average_precision", "test mAP {:.1%}"),
    ("knn_accuracy", "kNN accuracy {:.1%}"),
    ("alignment", "alignment {:.2f}"),
    ("uniformity", "uniformity {:.2f}"),
    ("effective_rank", "rank {:.1f}"),
    ("positive_similarity_p50", "positives {:.2f}"),
    ("negative_similarity_p50", "negatives {:.2f}"),
    ("positives_mean", "{:.1f} positives an anchor"),
    ("positives_none", "{:.0%} without"),
    ("gradient_norm", "gradient {:.2g}"),
    ("update_norm", "update {:.2g}"),
    ("learning_rate", "learning rate {:.3g}"),
    ("images_per_second", "{:,.0f} images/s"),
    ("input_share", "{:.0%} of the time waiting for them"),
    ("memory_mb", "{:,.0f} MB"),
)


class Reporter:
    """Tells a person, a file and TensorBoard of one stage's progress.

    Every epoch has one line. On a terminal and in a notebook there is a bar with images a second and the time left;
    elsewhere (a log file, CI) no control characters.

    Args:
        directory: of the run.
        stage: name of the stage.
        title: what the bar or line begins with.
        duration: of the stage.
        learning_rate: step -> learning rate that was applied in it.
        watch: told of every epoch of a contrastive stage; what it warns of is said, and recorded as "warning".
        start: told of them too, for a word on how the stage starts.
        recorded: called after each epoch.

    Raises:
        OSError: TensorBoard's files cannot be written.
    """

    def __init__(
        self,
        directory: RunDirectory,
        stage: str,
        *,
        title: str,
        duration: Duration,
        learning_rate: Callable[[int], float],
        watch: Optional[PlateauWatch] = None,
        start: Optional[StartWatch] = None,
        recorded: Callable[[], None] = lambda: None,
    ):
        self._directory, self._stage, self._title, self._duration = directory, stage, title, duration
        self._learning_rate, self._watch, self._start, self._recorded = learning_rate, watch, start, recorded
        self._writer = _event_writer(directory.tensorboard(stage))
        self._bar = None

    def start(self, steps_done: int, *, recorded: int) -> None:
        """Begins at `steps_done`; records of steps after `recorded`, which come again, leave `metrics.jsonl`."""
        kept = metrics.drop(self._directory, self._stage, after_step=recorded)
        for record in kept:
            self._warning(record)  # what was said before an interruption is not said again
        complete = recorded >= self._duration.total_steps
        if steps_done > 0:
            print(f"{self._title}: {'complete' if complete else 'continues'} at step {steps_done}", flush=True)
        if recorded > (kept[-1]["step"] if kept else 0):
            print(
                f"{self._title}: WARNING: {self._directory.metrics} has lost records of epochs that are done",
                flush=True,
            )
        if not complete:
            self._bar = notebook.bar(
                total=self._duration.total_steps * self._duration.batch_size,
                initial=steps_done * self._duration.batch_size,
                desc=self._title,
                unit=" images",
                unit_scale=True,
                mininterval=0.5,
            )

    def advance(self, steps: int = 1) -> None:
        """So many steps were done."""
        self._bar.update(steps * self._duration.batch_size)

    def epoch(self, epoch: int, step: int, steps: int, seconds: float, measured: dict) -> None:
        """Records an epoch that took `seconds` for `steps` steps and ended at `step`."""
        record = {
            "stage": self._stage,
            "epoch": epoch,
            "epochs": self._duration.epochs,
            "step": step,
            **measured,
            "learning_rate": float(self._learning_rate(step - 1)),
            "images_per_second": steps * self._duration.batch_size / seconds,
            **memory(),
            "seconds": seconds,
        }
        if self._watch:
            record["plateau"] = self._watch.plateau.value
            record["plateau_distance"] = self._watch.plateau.distance(record["loss"])
        warning = self._warning(record)
        if warning:
            record["warning"] = warning
        metrics.append(self._directory, record)
        self._summarize(record)
        self._show(record)
        self._recorded()

    def _warning(self, record: dict) -> str:
        """What there is to say of the next epoch, or ""; all who watch are told of it."""
        return " ".join(filter(None, [watch.read(record) for watch in (self._start, self._watch) if watch]))

    def _summarize(self, record: dict) -> None:
        with self._writer.as_default(step=record["step"]):
            for name, value in record.items():
                if isinstance(value, float):
                    tf.summary.scalar(name, value)
            if "warning" in record:
                tf.summary.text("warning", record["warning"])
        self._writer.flush()

    def _show(self, record: dict) -> None:
        shown = ", ".join(_said(name, form, record[name]) for name, form in SHOWN if name in record)
        left = words.duration((self._duration.epochs - record["epoch"]) * record["seconds"])
        lines = [f"{self._title}: epoch {record['epoch']}/{self._duration.epochs}, {shown}, {left} left"]
        if "warning" in record:
            lines.append(f"{self._title}: WARNING: {record['warning']}")
        with tqdm.external_write_mode(file=sys.stdout):  # above the bar, if there is one
            print("\n".join(lines), flush=True)
        if record["epoch"] == self._duration.epochs:
            self._bar.close()


def _event_writer(directory: pathlib.Path) -> tf.summary.SummaryWriter:
    try:
        return tf.summary.create_file_writer(str(directory))
    except tf.errors.OpError as error:
        raise OSError(
            errno.EIO, f"TensorBoard's files cannot be written ({first_line(error)})", str(directory)
        ) from error


def _said(name: str, form: str, value: float) -> str:
    if name == "plateau_distance" and value < 0:
        return form.replace("below", "above").format(-value)
    return form.format(value)
