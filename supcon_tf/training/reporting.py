"""What a run says while it trains: a progress bar or plain lines, `metrics.jsonl`, and TensorBoard files."""

from __future__ import annotations

import json
import math
import pathlib
import sys
from typing import Callable

import tensorflow as tf
from tqdm import tqdm

from supcon_tf.training.diagnostics import memory
from supcon_tf.training.run_directory import replace_text

LINES_A_STAGE = 10  # printed to a log file, where there is no bar; metrics.jsonl has every epoch

# The order in which a line shows what an epoch measured.
SHOWN = (("loss", "{:.4f}"), ("train_accuracy", "{:.1%}"), ("test_accuracy", "{:.1%}"))


class Reporter:
    """Tells a person, a file and TensorBoard of one stage's progress.

    On a terminal there is one bar a stage with images a second and the time left; elsewhere (a log file, CI) about
    ten plain lines a stage and no control characters.

    Args:
        directory: of the run; metrics go to `metrics.jsonl`, events to `tensorboard/<stage>`.
        stage: name of the stage.
        title: what the bar or line begins with.
        epochs: of the stage.
        total_steps: of the stage.
        batch_size: global images a step.
        learning_rate: step -> learning rate that was applied in it.
        constants: values added to every record.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        stage: str,
        *,
        title: str,
        epochs: int,
        total_steps: int,
        batch_size: int,
        learning_rate: Callable[[int], float],
        constants: dict,
    ):
        self._path = directory / "metrics.jsonl"
        self._stage, self._title, self._epochs = stage, title, epochs
        self._total_images, self._batch_size = total_steps * batch_size, batch_size
        self._learning_rate, self._constants = learning_rate, constants
        self._writer = tf.summary.create_file_writer(str(directory / "tensorboard" / stage))
        self._bar = None

    def start(self, steps_done: int) -> None:
        """Begins at `steps_done`; records of steps that will be done again are taken out of `metrics.jsonl`."""
        drop_records(self._path, self._stage, after_step=steps_done)
        if steps_done > 0:
            left = "complete" if steps_done * self._batch_size >= self._total_images else "continues"
            print(f"{self._title}: {left} at step {steps_done}", flush=True)
        if steps_done * self._batch_size < self._total_images:
            self._bar = tqdm(
                total=self._total_images,
                initial=steps_done * self._batch_size,
                desc=self._title,
                unit=" images",
                unit_scale=True,
                mininterval=0.5,
                disable=not sys.stderr.isatty(),
            )

    def advance(self, steps: int = 1) -> None:
        """So many steps were done."""
        self._bar.update(steps * self._batch_size)

    def epoch(self, epoch: int, step: int, steps: int, seconds: float, metrics: dict) -> None:
        """Records an epoch that took `seconds` for `steps` steps and ended at `step`."""
        record = {
            "stage": self._stage,
            "epoch": epoch,
            "epochs": self._epochs,
            "step": step,
            **metrics,
            **self._constants,
            "learning_rate": self._learning_rate(step - 1),
            "images_per_second": steps * self._batch_size / seconds,
            **memory(),
            "seconds": seconds,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._summarize(record)
        self._show(record)

    def _summarize(self, record: dict) -> None:
        with self._writer.as_default(step=record["step"]):
            for name, value in record.items():
                if isinstance(value, float):
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def _show(self, record: dict) -> None:
        shown = ", ".join(f"{n.replace('_', ' ')} {form.format(record[n])}" for n, form in SHOWN if n in record)
        last = record["epoch"] == self._epochs
        if not self._bar.disable:
            self._bar.set_postfix_str(shown)
        elif last or record["epoch"] % math.ceil(self._epochs / LINES_A_STAGE) == 0:
            rate = f"{record['images_per_second']:,.0f} images/s"
            left = (self._epochs - record["epoch"]) * record["seconds"]
            print(
                f"{self._title}: epoch {record['epoch']}/{self._epochs}, {shown}, {rate}, {left:.0f} s left", flush=True
            )
        if last:
            self._bar.close()


def drop_records(path: pathlib.Path, stage: str, *, after_step: int) -> None:
    """Takes the records of `stage` after a step out of a metrics file: those steps run again."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    records = [_parse(line, path, number, last=number == len(lines)) for number, line in enumerate(lines, 1)]
    kept = [record for record in records if record and (record["stage"] != stage or record["step"] <= after_step)]
    if len(kept) < len(lines):
        replace_text(path, "".join(json.dumps(record) + "\n" for record in kept))


def _parse(line: str, path: pathlib.Path, number: int, *, last: bool) -> dict:
    """One record; nothing for a last line that an interruption cut short, whose epoch has no checkpoint."""
    try:
        return json.loads(line)
    except ValueError as error:
        if last:
            return {}
        raise ValueError(f"line {number} of {path} is no JSON record; mend or remove the line: {line[:80]}") from error
