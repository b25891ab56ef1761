"""Which network is kept, as a run says it: one of this package's, of Keras's, of a person's own code, or of a file."""

from __future__ import annotations

import dataclasses
import re

from supcon_tf import names
from supcon_tf.settings import Checked, setting

KERAS = "keras:"
MODEL_FILES = (".keras", ".h5", ".hdf5")
TORCH_FILES = (".pth", ".pt")
AUTO, WHITENED = "auto", "whitened"
PIXELS = (AUTO, WHITENED, *names.PIXEL_RANGES)
FORMS = "keras:NAME (of tf.keras.applications), MODULE:FUNCTION, or a file that ends in .keras, .h5 or .pth"


def form_of(name: str) -> str:
    """What kind of name an encoder has: "own", "keras", "file" or "function".

    Raises:
        ValueError: it is none of these.

    Example:
        >>> [form_of(name) for name in ("resnet50", "keras:EfficientNetV2B0", "photos.keras", "my.nets:small")]
        ['own', 'keras', 'file', 'function']
    """
    if name.startswith(KERAS):
        return "keras"
    if name.lower().endswith((*MODEL_FILES, *TORCH_FILES)):
        return "file"
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", name):
        return "function"
    if ":" in name or "/" in name:
        raise ValueError(f"`encoder` must be one of {', '.join(names.ENCODERS)}, or {FORMS}; got {name!r}.")
    try:
        names.one_of("encoder", name, names.ENCODERS)
    except ValueError as error:
        of_keras = f" A network of tf.keras.applications is called {KERAS}{name}." if name[:1].isupper() else ""
        raise ValueError(f"{error}{of_keras}") from None
    return "own"


@dataclasses.dataclass(frozen=True)
class Encoder(Checked):
    """The network that is kept (Sec. 3.1 of the paper)."""

    name: str = setting("resnet18", f"architecture: {', '.join(names.ENCODERS)}; or {FORMS}")
    width: float = setting(1.0, "factor on the number of filters of this package's own networks", above=0.0)
    stem: str = setting("small_image", "of this package's own networks: 3x3 stride 1, or the 7x7 stride 2 with pooling "
                                       "of ImageNet", choices=names.STEMS)  # fmt: skip
    weights: str = setting("", "file with weights to start with: .weights.h5, .h5, .keras, or a checkpoint of the "
                               "authors' code (model.ckpt-NUMBER); empty: at random, or those of the file that is the "
                               "encoder")  # fmt: skip
    frozen: tuple[str, ...] = setting((), "beginnings of names of layers that do not train, and whose batch norm keeps "
                                          "its averages")  # fmt: skip
    pixels: str = setting(AUTO, "what pixels become before the encoder: whitened by the data's moments, or a "
                                "range; auto: by the rule of a keras:NAME, else whitened; of a file it must be said",
                          choices=PIXELS)  # fmt: skip
    normalize_features: bool = setting(True, "unit-length features before projection head and classifier")

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            form = form_of(self.name)
        except ValueError as error:
            raise ValueError(str(error).replace("`encoder`", "`Encoder.name`", 1)) from None
        if form != "own" and (self.width, self.stem) != (1.0, "small_image"):
            raise ValueError(
                f"`encoder.width` and `encoder.stem` are read by this package's own networks alone; with "
                f"encoder.name={self.name} set encoder.width=1 and encoder.stem=small_image (got {self.width:g} and "
                f"{self.stem})."
            )
        if form == "file" and self.pixels == AUTO:
            raise ValueError(
                f"a file does not say what pixels become before its network: with encoder.name={self.name} set "
                f"encoder.pixels to one of {', '.join(PIXELS[1:])}."
            )
        if any(not prefix for prefix in self.frozen):
            raise ValueError("`Encoder.frozen` must be beginnings of names of layers; got an empty one.")
