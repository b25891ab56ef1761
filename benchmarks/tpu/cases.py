"""What `launch.benchmark tpu` compiles: the contrastive step of an experiment, with some of its fields changed."""

from __future__ import annotations

import dataclasses
import itertools

from benchmarks.tpu.compiler import SLICES
from supcon_tf.config import Experiment, Stage, check_batches
from supcon_tf.names import one_of

CHOICES = {"loss": ("tiled", "dense"), "topology": tuple(SLICES)}


def fields_of(experiment: Experiment) -> dict:
    """What an experiment says of a plan: the fields that `changed` changes."""
    return {
        "experiment": experiment.name, "encoder": [experiment.encoder.name], "width": experiment.encoder.width,
        "image_size": experiment.data.image_size, "global_batch": experiment.contrastive.batch_size,
        "precision": [experiment.precision], "microbatches": [str(experiment.train.microbatches)],
    }  # fmt: skip


def changed(experiment: Experiment, fields: dict) -> Experiment:
    """The contrastive stage of an experiment with these fields, on one replica's own batch norm.

    Raises:
        ValueError: a field is wrong, or the experiment has no such stage, keeps a queue or does not say its image size.
    """
    if "contrastive" not in experiment.stages or experiment.queue.size or not fields["image_size"]:
        raise ValueError(
            f"--experiment must have a contrastive stage, no queue, and a size of images, which --image_size can give; "
            f"'{experiment.name}' has stages {', '.join(experiment.stages)}, queue.size={experiment.queue.size} and "
            f"data.image_size={fields['image_size']}."
        )
    if not str(fields["microbatches"]).isdigit():
        raise ValueError(f"`microbatches` must be integers of at least 1; got '{fields['microbatches']}'.")
    return dataclasses.replace(
        experiment,
        strategy="one_device",
        replicas=0,
        cross_replica_batch_norm=False,
        precision=fields["precision"],
        data=dataclasses.replace(experiment.data, image_size=fields["image_size"]),
        encoder=dataclasses.replace(experiment.encoder, name=fields["encoder"], width=fields["width"]),
        train=dataclasses.replace(experiment.train, microbatches=int(fields["microbatches"])),
        contrastive=dataclasses.replace(experiment.contrastive, batch_size=fields["global_batch"]),
        linear=Stage(),
    )


def cases(experiment: Experiment, fields: dict) -> list[dict]:
    """Every combination of the lists, in order; a case is an argument of `plan.measure`.

    Raises:
        ValueError: a name is unknown, or the batch cannot be shared out.
    """
    lists = {name: value for name, value in fields.items() if isinstance(value, list)}
    for name, choices in CHOICES.items():
        for value in lists[name]:
            one_of(name, value, choices)
    planned = [{**fields, **dict(zip(lists, chosen))} for chosen in itertools.product(*lists.values())]
    return [_checked(experiment, case) for case in planned]


def _checked(experiment, case):
    if case["replicas"] < 1:
        raise ValueError(f"--replicas must be at least 1; got {case['replicas']}.")
    check_batches(changed(experiment, case), case["replicas"])
    parts, replica_batch = int(case["microbatches"]), case["global_batch"] // case["replicas"]
    return {**case, "microbatches": parts, "replica_batch": replica_batch}
