"""Everything that a run is: frozen, typed, validated dataclasses.

An `Experiment` is complete: two runs of equal experiments on the same data and machine give the same numbers. Each
field carries its help, its range and its allowed values, so that command lines, error messages and the check of a
run directory are all made from this one description (`supcon_tf/settings.py`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

from supcon_tf import names
from supcon_tf.encoders import Encoder
from supcon_tf.names import STAGE_KINDS
from supcon_tf.settings import Checked, setting


@dataclasses.dataclass(frozen=True)
class Data(Checked):
    """Which images, and how many of them."""

    name: str = setting("digits", "TFDS name of the data set, or folder:PATH for images in class sub-folders; `digits` "
                                  "is embedded and needs no download")  # fmt: skip
    train_split: str = setting("", "TFDS splits to train on, such as train[:90%]; empty: the usual ones of the set")
    test_split: str = setting("", "TFDS splits to evaluate on; empty: the usual ones of the set")
    image_size: int = setting(0, "side in pixels that images are brought to; 0 keeps the stored side", least=0)
    examples: int = setting(0, "first n training examples; 0 takes all", least=0)
    fraction: float = setting(1.0, "share of the training images of each class, drawn by the seed", above=0.0, most=1.0)
    label_noise: float = setting(0.0, "probability of a training label to be replaced by a random class, once and for "
                                      "all", least=0.0, most=1.0)  # fmt: skip
    held_out: float = setting(0.0, "share of the training images, drawn by the seed, that is not trained on and takes "
                                   "the place of the test images: to choose settings by", least=0.0,
                              most=0.9)  # fmt: skip
    images_per_class: int = setting(0, "images of each class in a batch of the contrastive or joint stage; 0: as they "
                                       "come", least=0)  # fmt: skip
    broken_images: str = setting("fail", "what to do when files of a folder are no images", choices=("fail", "skip"))
    views: int = setting(2, "V, augmented views of each image in the contrastive or joint stage", least=1)
    evaluation_crop: str = setting("crop_then_resize", "how evaluation cuts its square", choices=names.EVALUATION_CROPS)
    evaluation_padding: int = setting(0, "pixels around that square; 32 is ImageNet's 224 of 256", least=0)

    @property
    def source(self) -> dict[str, Any]:
        """What `data.sets.load.load_source` is told: which set."""
        return {name: getattr(self, name) for name in ("name", "train_split", "test_split", "broken_images")}

    @property
    def selection(self) -> dict[str, Any]:
        """What `data.sets.selection.selected` is told, beside the seed: which of its training images."""
        return {name: getattr(self, name) for name in ("examples", "fraction", "label_noise", "held_out")}


@dataclasses.dataclass(frozen=True)
class Model(Checked):
    """How a model file of anybody wants images, and what it gives; no part of an experiment. None: not said."""

    output: Optional[str] = setting(None, "what the model gives", choices=names.MODEL_OUTPUTS)
    answers: str = setting("", "name of the output, or of the layer, with logits or probabilities; empty: the only "
                               "output")  # fmt: skip
    features: str = setting("", "name of the layer, or of the output of a SavedModel, whose values are the features; "
                                "empty: what the last dense layer is given")  # fmt: skip
    pool: Optional[str] = setting(None, "what makes one row of features of a map of them", choices=("mean",))
    size: int = setting(0, "side in pixels of the images; 0: as the model says", least=0)
    crop: Optional[str] = setting(None, "how its square is cut; none: crop_then_resize", choices=names.EVALUATION_CROPS)
    padding: Optional[int] = setting(None, "pixels around that square, as in data.evaluation_padding", least=0)
    range: Optional[str] = setting(None, "what pixels become before the model", choices=names.PIXEL_RANGES)
    mean: tuple[float, ...] = setting((), "instead of a range: subtracted from pixels in 0..1", least=0.0, most=1.0)
    std: tuple[float, ...] = setting((), "and divided by", above=0.0)
    class_names: str = setting("", "text file with the class of each answer, a name a line; empty: the data's order")
    code: str = setting("", "Python module that is imported first: it registers the model's own layers with Keras")
    signature: str = setting("", "of a SavedModel; empty: serving_default, or its Keras model where Keras 2 reads it")

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.mean) != bool(self.std) or (self.mean and self.range):
            raise ValueError("say how pixels are scaled by `model.range`, or by `model.mean` and `model.std` together.")
        if self.output == "features" and (self.answers or self.class_names):
            raise ValueError("with model.output=features there are no answers: leave model.answers and "
                             "model.class_names, or say logits or probabilities.")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Projection(Checked):
    """The head that only the contrastive stage uses; its output has unit length."""

    widths: tuple[int, ...] = setting((128,), "units of its dense layers; the last is D", least=1)
    batch_norm: bool = setting(False, "batch norm between its layers; SimCLR's own code has last_batch_norm, too")
    last_batch_norm: bool = setting(False, "batch norm without offset after its last layer: embeddings start spread, "
                                           "where they would start nearly equal")  # fmt: skip
    kernels: str = setting("small", "initial kernels: N(0, 0.01^2), the authors', made for lars; or he, of variance "
                                    "2 / inputs, which plain SGD turns less fast",
                           choices=names.HEAD_KERNELS)  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths:
            raise ValueError("`Projection.widths` must name at least one layer, for instance 2048,128; got none.")


@dataclasses.dataclass(frozen=True)
class Loss(Checked):
    """What compares images: `supcon_tf.supervised_contrastive_loss` and its arguments, or a loss of other papers."""

    name: str = setting("supcon", "the paper's, or one that it is compared with (losses/metric_learning.py): of the "
                                  "fields below that reads loss.margin and loss.use_labels",
                        choices=names.LOSSES)  # fmt: skip
    margin: Optional[float] = setting(None, "of the losses but supcon and n_pairs: by how much negatives should be "
                                            "farther than positives; none: 1", above=0.0)  # fmt: skip
    temperature: float = setting(0.1, "tau of Eq. 2", least=1e-3, most=10.0)
    base_temperature: Optional[float] = setting(1.0, "loss is scaled by tau over this; none: no scaling", above=0.0)
    contrast_mode: str = setting("all", "anchors: all views, or the first of each image", choices=names.CONTRAST_MODES)
    summation_location: str = setting("out", "mean over positives outside the log (Eq. 2) or in it (Eq. 3)",
                                      choices=names.SUMMATION_LOCATIONS)  # fmt: skip
    denominator_mode: str = setting("all", "which pairs stand in the denominator",
                                    choices=names.DENOMINATOR_MODES)  # fmt: skip
    positives_cap: Optional[int] = setting(None, "most positives from other images; a multiple of the views", least=0)
    no_positives: str = setting("zero", "anchors without positives cost 0, or leave the mean",
                                choices=names.NO_POSITIVES)  # fmt: skip
    use_labels: bool = setting(True, "false: every image is its own class, which is SimCLR")


@dataclasses.dataclass(frozen=True)
class Queue(Checked):
    """Past images that the batch is compared with too: the paper's memory (end of Sec. 4.4), after MoCo."""

    size: int = setting(0, "rows that are kept, one for each past image; 0: no queue", least=0)
    momentum: float = setting(0.999, "share of itself that the network which fills the queue keeps at each step, as it "
                                     "follows the trained one", least=0.0, most=1.0)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Augment(Checked):
    """How a training image is changed (paper, Sec. 5.2 and supplement); `augment.policies` says who reads what."""

    policy: str = setting("sim_augment", "name of the augmentation", choices=tuple(names.POLICIES))
    crop_area: tuple[float, float] = setting((0.2, 1.0), "smallest and largest cropped share of the area",
                                             above=0.0, most=1.0)  # fmt: skip
    flip: bool = setting(True, "mirror half of the images left to right")
    strength: float = setting(0.5, "strength of the colour jitter", least=0.0, most=1.25)
    jitter: str = setting("pytorch", "colour jitter as in torchvision, or as in SimCLR's code", choices=names.JITTERS)
    jitter_probability: float = setting(0.8, "share of images with colour jitter", least=0.0, most=1.0)
    grayscale_probability: float = setting(0.2, "share of images made grey", least=0.0, most=1.0)
    warp_probability: float = setting(0.0, "share of images warped; needs TensorFlow Addons", least=0.0, most=1.0)
    blur_probability: Optional[float] = setting(None, "share of images blurred; none: 0.5 from 64 pixels up, else 0",
                                                least=0.0, most=1.0)  # fmt: skip
    auto_policy: str = setting("imagenet", "which of the policies of AutoAugment", choices=names.AUTO_POLICIES)
    rand_layers: int = setting(2, "operations of RandAugment on an image", least=0)
    rand_magnitude: float = setting(10.0, "level of RandAugment's operations", least=0.0, most=10.0)
    stacked_order: str = setting("code", "RandAugment after the colour jitter (code) or before it (paper)",
                                 choices=names.STACKED_ORDERS)  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_area[0] > self.crop_area[1]:
            raise ValueError(f"`Augment.crop_area` must be (smallest, largest); got {self.crop_area}.")


@dataclasses.dataclass(frozen=True)
class Stage(Checked):
    """One pass of training: contrastive, linear, joint or cross-entropy. 0 epochs leave it out."""

    epochs: int = setting(0, "passes over the training images; 0 leaves the stage out", least=0)
    batch_size: int = setting(256, "images of the global batch, over all replicas", least=1)
    optimizer: str = setting("momentum", "optimizer", choices=names.OPTIMIZERS)
    base_learning_rate: float = setting(0.1, "peak learning rate at a batch of 256; scales with the batch", above=0.0)
    schedule: str = setting("cosine", "how the learning rate falls after the warm-up", choices=names.SCHEDULES)
    warmup_epochs: float = setting(0.0, "epochs of linear rise from 0", least=0.0)
    decay_rate: float = setting(0.1, "factor of the exponential and piecewise schedules", above=0.0, most=1.0)
    epochs_per_decay: float = setting(2.4, "epochs between steps of the exponential schedule", above=0.0)
    decay_epochs: tuple[float, ...] = setting(
        (), "epochs, after warm-up, where the piecewise schedule falls", above=0.0
    )
    rmsprop_epsilon: float = setting(1e-3, "what rmsprop adds to its mean square", above=0.0)
    weight_decay: float = setting(0.0, "coefficient of the L2 penalty; lars and adamw decay by themselves", least=0.0)
    decayed: tuple[str, ...] = setting(("kernels",), "kinds of variables that decay", choices=names.DECAYED)
    decayed_parts: tuple[str, ...] = setting(names.PARTS, "networks that decay, of those that the stage trains",
                                             choices=names.PARTS)  # fmt: skip
    label_smoothing: float = setting(0.0, "share of the target spread over all classes", least=0.0, most=1.0)
    angular_margin: int = setting(1, "of the cross-entropy stage: m of the large-margin softmax (Liu et al., 2016), "
                                     "the paper's max-margin; 1: the plain softmax", least=1, most=4)  # fmt: skip
    margin_share: float = setting(1.0, "how much of the angular margin counts: 1 / (1 + lambda) of Liu et al.",
                                  above=0.0, most=1.0)  # fmt: skip
    margin_steps: int = setting(1000, "steps in which that share rises from 0, as a straight line", least=0)
    batch_norm: str = setting("auto", "moments of the batch, or frozen moving averages; auto: frozen in the linear "
                                      "stage, else batch", choices=("auto", "batch", "frozen"))  # fmt: skip
    batch_norm_momentum: float = setting(0.9, "share of themselves that moving averages of batch norm keep at a step",
                                         least=0.0, most=1.0)  # fmt: skip
    evaluate_every: int = setting(1, "epochs between evaluations on the test split; the last always is one", least=1)
    augment: Augment = Augment()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs and self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"`Stage.warmup_epochs` must be fewer than the {self.epochs} epochs of the stage; got "
                f"{self.warmup_epochs:g}."
            )


@dataclasses.dataclass(frozen=True)
class Train(Checked):
    """How an update is computed; what it computes is the same, but for batch norm in micro-batches."""

    microbatches: int = setting(1, "parts of a replica's batch that the encoder sees one after the other; the loss "
                                   "still compares the whole global batch", least=1)  # fmt: skip
    jit_compile: bool = setting(False, "compile with XLA: the update on one replica; on several the loss and, with "
                                      "local batch norm, the networks")  # fmt: skip
    diagnose_every: int = setting(50, "steps between two looks at projections and updates; 0: never", least=0)
    steps_per_call: int = setting(1, "most updates that TensorFlow does before it comes back to Python", least=1)
    checkpoint_every: int = setting(1000, "steps between checkpoints, beside those at the end of epochs", least=1)


@dataclasses.dataclass(frozen=True)
class Knn(Checked):
    """A vote of nearest neighbours on the encoder's features, while the contrastive stage trains."""

    every: int = setting(0, "epochs between two votes on the test split, and after the last; 0: never", least=0)
    neighbours: int = setting(200, "training images that vote for each test image", least=1)
    temperature: float = setting(0.1, "a neighbour votes by exp(cosine similarity / this)", least=1e-3)


@dataclasses.dataclass(frozen=True)
class Experiment(Checked):
    """A whole run: data, networks, loss and up to two stages."""

    name: str = "unnamed"
    seed: int = setting(0, "decides initial weights, order of the data and every augmentation", least=0, most=2**32 - 1)
    strategy: str = setting("one_device", "how the global batch is spread over devices", choices=names.STRATEGIES)
    replicas: int = setting(0, "devices that share the batch, logical ones on a CPU; 0: all there are", least=0)
    tpu: str = setting("", "name or grpc:// address of a TPU, or local; empty: what the environment names")
    wait_seconds: float = setting(300.0, "how long multi_worker waits for absent workers", above=0.0)
    precision: str = setting(
        "float32", "compute type of the encoder; loss and heads are float32", choices=names.PRECISIONS
    )
    cross_replica_batch_norm: bool = setting(True, "batch norm statistics over the global batch")
    encoder_from: str = setting("", "directory of a run whose trained encoder this one starts with; empty: at random")
    zero_initialize_classifier: bool = setting(False, "the classifier starts at 0 instead of at random")
    data: Data = Data()
    encoder: Encoder = Encoder()
    projection: Projection = Projection()
    loss: Loss = Loss()
    queue: Queue = Queue()
    train: Train = Train()
    knn: Knn = Knn()
    contrastive: Stage = Stage()
    joint: Stage = Stage()
    cross_entropy: Stage = Stage()
    linear: Stage = Stage()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_stages(self)
        _check_replicas(self)
        for name in self.stages:
            if STAGE_KINDS[name].compares:
                _check_loss(self)
                _check_positives(self, name)
                _check_queue(self, name)

    @property
    def stages(self) -> dict[str, Stage]:
        """The stages that run, in order, by name."""
        named = {name: getattr(self, name) for name in STAGE_KINDS}
        return {name: stage for name, stage in named.items() if stage.epochs > 0}


def _check_stages(experiment: Experiment) -> None:
    stages = experiment.stages
    if not stages:
        raise ValueError(
            "an experiment needs a stage: set `contrastive.epochs`, `joint.epochs` or `cross_entropy.epochs` above 0."
        )
    ways = [name for name in stages if STAGE_KINDS[name].encodes]
    if len(ways) > 1:
        raise ValueError(
            f"`{ways[0]}` and `{ways[1]}` both have epochs; they are two ways to train one encoder: set the epochs of "
            "one to 0."
        )
    alone = [name for name in stages if not STAGE_KINDS[name].encodes]  # a classifier, which needs an encoder
    joint = any(STAGE_KINDS[name].compares and STAGE_KINDS[name].classifies for name in ways)  # has its classifier
    if alone and (joint or not (ways or experiment.encoder_from)):
        raise ValueError(
            f"`{alone[0]}` trains on the encoder of the contrastive stage: set `contrastive.epochs` above 0; or of the "
            "cross-entropy stage: set `cross_entropy.epochs`; or alone on the encoder of another run: set "
            "`encoder_from`, and no other stage."
        )


def batch_statistics(name: str, stage: Stage) -> bool:
    """Whether batch norm of the stage called `name` takes the moments of the batch, not its frozen averages."""
    return (STAGE_KINDS[name].batch_norm if stage.batch_norm == "auto" else stage.batch_norm) == "batch"


def micro_batches(experiment: Experiment, name: str) -> int:
    """Parts in which a replica's batch of the stage called `name` goes through the networks."""
    return experiment.train.microbatches if STAGE_KINDS[name].micro_batches else 1


# Where a run is computed: settings in which a run may be continued with others, unless `numbers_depend_on_layout`.
LAYOUT = ("strategy", "replicas", "tpu", "wait_seconds")


def numbers_depend_on_layout(experiment: Experiment) -> bool:
    """Whether the numbers of replicas and hosts are in the results by more than rounding.

    They are where batch norm takes the moments of a part of the global batch that they decide: of a replica's images,
    or of micro-batches, each of which has some images of every replica.
    """
    stages = experiment.stages.items()
    by_parts = any(micro_batches(experiment, name) > 1 and batch_statistics(name, stage) for name, stage in stages)
    return by_parts or not experiment.cross_replica_batch_norm


def _check_replicas(experiment: Experiment) -> None:
    if experiment.strategy == "one_device" and experiment.replicas > 1:
        raise ValueError(
            f"`strategy=one_device` has 1 replica; got replicas={experiment.replicas}. Set `strategy=mirrored`."
        )
    check_batches(experiment, max(experiment.replicas, 1))


def check_batches(experiment: Experiment, replicas: int) -> None:
    """Raises ValueError where a stage's batch cannot be shared by so many replicas and their micro-batches."""
    for name, stage in experiment.stages.items():
        parts = micro_batches(experiment, name)
        if stage.batch_size % (replicas * parts):
            among = f"the {replicas} replica{'s' if replicas > 1 else ''}" + (
                f" times {parts} micro-batches" if parts > 1 else ""
            )
            raise ValueError(f"`{name}.batch_size` must be divisible by {among}; got {stage.batch_size}.")


def _check_loss(experiment: Experiment) -> None:
    """Refuses a loss that the other settings do not go with."""
    loss = experiment.loss
    if loss.name == "supcon":
        return
    if experiment.queue.size or loss.positives_cap is not None:
        raise ValueError(
            f"`loss.name={loss.name}` compares all images of the batch and no others: set queue.size=0 and "
            "loss.positives_cap=none."
        )
    if loss.name == "n_pairs" and experiment.data.views != 2:
        raise ValueError(
            f"`loss.name=n_pairs` pairs the 2 views of an image: set data.views=2; got {experiment.data.views}."
        )


def _check_positives(experiment: Experiment, name: str) -> None:
    """Refuses a stage with a contrastive loss in which no row can ever have a positive."""
    loss, views, per_class = experiment.loss, experiment.data.views, experiment.data.images_per_class
    if per_class and experiment.stages[name].batch_size % per_class:
        raise ValueError(
            f"`{name}.batch_size` must be a multiple of data.images_per_class={per_class}; got "
            f"{experiment.stages[name].batch_size}."
        )
    if loss.positives_cap is not None and loss.positives_cap % views:
        raise ValueError(f"`loss.positives_cap` must be a multiple of data.views={views}; got {loss.positives_cap}.")
    if experiment.stages[name].batch_size == 1:
        raise ValueError(f"`{name}.batch_size` must be at least 2: the views of a single image have no negatives.")
    if experiment.projection.widths[-1] < 2:
        raise ValueError(
            "the last of `projection.widths` must be at least 2: rows of length 1 in one dimension are 1 or -1."
        )
    if views == 1 and (not loss.use_labels or loss.positives_cap == 0):
        raise ValueError(
            "with data.views=1 an image has no positives but other images of its class, and `loss.use_labels=false` "
            "or `loss.positives_cap=0` leaves none: set data.views=2."
        )


def _check_queue(experiment: Experiment, name: str) -> None:
    """Refuses a queue that a stage with a contrastive loss cannot fill or use."""
    size, batch = experiment.queue.size, experiment.stages[name].batch_size
    if 0 < size < batch:
        raise ValueError(
            f"`queue.size` must be 0, or at least {name}.batch_size={batch}: so many images join it at each step; got "
            f"{size}."
        )
    if size and experiment.loss.positives_cap is not None:
        raise ValueError(
            "`loss.positives_cap` counts images of the batch, so it has no meaning with a queue: set it to none, or "
            "queue.size=0."
        )
