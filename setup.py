"""Package description. The Python version picks the stack: see BUILD.md, "The two stacks"."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "supcon_tf/__init__.py").read_text(encoding="utf-8"))[1]
OLD, NEW = 'python_version<"3.12"', 'python_version>="3.12"'

# Folders beside the package that its command runs. A wheel has them inside the package: no other name is installed.
BESIDE = find_packages(
    include=[name for folder in ("launch", "experiments", "benchmarks") for name in (folder, f"{folder}.*")]
)
INSIDE = {f"supcon_tf.commands.{name}": name.replace(".", "/") for name in BESIDE}

# What training from the command line, data sets, measures and reports need beside TensorFlow.
TRAIN = [
    # TensorFlow Addons: the warp of SimAugment. It ended with Keras 2.
    f"tensorflow-addons>=0.23,<0.24; {OLD}",
    f"tensorboard>=2.20; {NEW}",  # tf.summary needs it; TensorFlow stopped asking for it in 2.21
    "tensorflow-datasets>=4.9.3,<5",
    "tensorflow-metadata>=1.15,<1.18",  # newer ones are generated for a protobuf that TensorFlow 2.15 refuses
    "importlib_resources",  # TFDS needs it and does not say so
    "scikit-learn>=1.2",  # the embedded digits; t-SNE in reports
    "threadpoolctl>=3",  # t-SNE on one thread, so that a report has the same bytes everywhere
    "pillow>=9.4",  # pictures in reports
    "tqdm>=4.64",
]
ONNX = [  # `launch.export --onnx`; newer onnx needs another ml_dtypes than TensorFlow 2.15
    "tf2onnx>=1.17,<2",
    f"onnx>=1.16,<1.17; {OLD}",
    f"onnx>=1.17; {NEW}",
    "onnxruntime>=1.17",
]
TEST = ["pytest>=8", "pytest-xdist>=3.8", "ruff==0.17.6", "mypy==1.19.1", "jedi>=0.19"]

setup(
    name="supcon_tf",
    version=VERSION,
    description="Supervised contrastive learning (Khosla et al., 2020) in TensorFlow and Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9,<3.14",
    packages=[*find_packages(include=["supcon_tf", "supcon_tf.*"]), *INSIDE],
    package_dir=INSIDE,
    package_data={"supcon_tf": ["py.typed"], "": ["*.pyi"]},  # types, and the names that are loaded late
    entry_points={"console_scripts": ["supcon = supcon_tf.command:main"]},
    # What the loss, layers, optimizers, networks and models need: enough for a Keras program of one's own.
    install_requires=[
        "absl-py>=1.4",
        "numpy>=1.23.5",
        "scipy>=1.9",  # intervals of accuracies, loaded when one is computed
        # Stack A: the last TensorFlow with Keras 2, which TensorFlow Addons needs; it has no wheels for Python 3.12.
        f"tensorflow>=2.15,<2.16; {OLD}",
        # Stack B: older Keras 3 does not sum gradients over replicas.
        f"tensorflow>=2.20,<2.22; {NEW}",
        f"keras>=3.8,<4; {NEW}",
    ],
    extras_require={
        "train": TRAIN,
        "cuda": [f"tensorflow[and-cuda]>=2.15,<2.16; {OLD}", f"tensorflow[and-cuda]>=2.20,<2.22; {NEW}"],
        "onnx": ONNX,
        "test": [*TRAIN, *TEST],
        "dev": [*TRAIN, *TEST, "build>=1"],
        # The peers that `launch.benchmark` measures beside; each runs in a process of its own.
        "benchmark": [
            *TRAIN, *TEST, "torch>=2.2,<2.14", "pytorch-metric-learning>=2.8", "faiss-cpu>=1.7.4", "scikit-image>=0.20"
        ],
        "docs": ["mkdocs-material>=9.5,<10", "mkdocstrings[python]>=0.26", "latex2mathml>=3.77,<4"],
        "tensorboard": ["setuptools<82"],  # the `tensorboard` command imports pkg_resources, gone from setuptools 82
    },
)  # fmt: skip
