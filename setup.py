"""Package description. The Python version picks the stack: see BUILD.md, "The two stacks"."""

import pathlib

from setuptools import find_packages, setup

setup(
    name="supcon_tf",
    version="0.1.0",
    description="Supervised contrastive learning (Khosla et al., 2020) in TensorFlow and Keras",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9,<3.14",
    packages=find_packages(include=["supcon_tf", "supcon_tf.*"]),
    package_data={"supcon_tf": ["py.typed"]},
    install_requires=[
        "absl-py>=1.4",
        "numpy>=1.23.5",
        # Stack A: the last TensorFlow with Keras 2, which TensorFlow Addons needs; it has no wheels for Python 3.12.
        'tensorflow>=2.15,<2.16; python_version<"3.12"',
        'tensorflow-addons>=0.23,<0.24; python_version<"3.12"',
        # Stack B: older Keras 3 does not sum gradients over replicas.
        'tensorflow>=2.20,<2.22; python_version>="3.12"',
        'keras>=3.8,<4; python_version>="3.12"',
        'tensorboard>=2.20; python_version>="3.12"',  # tf.summary needs it; TensorFlow stopped asking for it in 2.21
        "tensorflow-datasets>=4.9.3,<5",
        "tensorflow-metadata>=1.15,<1.18",  # newer ones are generated for a protobuf that TensorFlow 2.15 refuses
        "importlib_resources",  # TFDS needs it and does not say so
        "scikit-learn>=1.2",  # the embedded digits; t-SNE in reports
        "scipy>=1.9",  # Student's t and the binomial test of intervals; scikit-learn needs it anyway
        "threadpoolctl>=3",  # t-SNE on one thread, so that a report has the same bytes everywhere
        "scipy>=1.8",  # corruptions of test images; scikit-learn needs it anyway
        "pillow>=9.4",  # pictures in reports
        "tqdm>=4.64",
    ],
    extras_require={
        "test": ["pytest>=8", "pytest-xdist>=3.5", "ruff==0.17.6"],
        # The peers that `launch.benchmark` measures beside; each runs in a process of its own.
        "benchmark": ["torch>=2.2,<2.14", "pytorch-metric-learning>=2.8", "faiss-cpu>=1.7.4", "scikit-image>=0.20"],
        # `launch.export --onnx`; newer onnx needs another ml_dtypes than TensorFlow 2.15.
        "onnx": [
            "tf2onnx>=1.17,<2",
            'onnx>=1.16,<1.17; python_version<"3.12"',
            'onnx>=1.17; python_version>="3.12"',
            "onnxruntime>=1.17",
        ],
        "tensorboard": ["setuptools<82"],  # the `tensorboard` command imports pkg_resources, gone from setuptools 82
    },
)
