"""Metadata and dependencies of tfgen-zoo; pyproject.toml has the settings of tools."""

from pathlib import Path

from setuptools import find_packages, setup

# What servers read and answer; its versions follow TensorFlow's.
_SERVING = ["requests>=2.31", "tensorflow-serving-api>=2.18,<2.22"]
# What executes the notebooks of colab/; Colab itself has a kernel.
_COLAB = ["ipykernel>=6.29.5", "nbclient>=0.10", "nbformat>=5.10"]

setup(
    name="tfgen-zoo",
    version="0.1.0",
    description=(
        "A zoo of deep generative models: TensorFlow Probability wrapped into Keras 3"
    ),
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The tfgen-zoo authors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    packages=find_packages(
        include=["tfgen", "tfgen.*", "zoo", "zoo.*", "export", "export.*"]
    ),
    package_data={"zoo.pretrained": ["SHA256SUMS", "*/*"]},
    python_requires=">=3.10",
    # BUILD.md says why each bound stands where it does.
    install_requires=[
        "absl-py>=2.1",
        # TensorFlow Datasets imports it to prepare data, and does not ask for it.
        "importlib_resources>=6.0",
        "keras>=3.12.1,<4",
        "matplotlib>=3.10",
        "numpy>=1.26",
        "pandas>=2.1",
        "pyarrow>=14.0.1",
        "scikit-learn>=1.5",
        # scikit-learn brings it, too: the matching of clusters with classes.
        "scipy>=1.11",
        # TensorFlow 2.21 no longer brings it; training writes its logs.
        "tensorboard>=2.18",
        "tensorflow>=2.18,<2.22",
        "tensorflow-datasets>=4.9.6",
        # The extra brings tf_keras, which TFP imports; nothing here does.
        "tensorflow-probability[tf]>=0.25,<0.26",
        # scikit-learn brings it, too: for sums that are the same in every run.
        "threadpoolctl>=3.1",
        "typing_extensions>=4.4",
    ],
    extras_require={
        # 2.70 is the oldest that was run, beside TensorFlow 2.21. Its bounds on other
        # packages are tighter than ours, so the tests do not ask for it.
        "beam": ["apache-beam>=2.70,<3"],
        "colab": _COLAB,
        # The site; these are the ones that were run, and newer majors may warn.
        "docs": [
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.6,<10",
            "mkdocstrings[python]>=1.0,<2",
        ],
        # 6.31 is the one that was run. Its bounds on other packages are tighter than
        # ours, too.
        "explore": ["gradio>=6.31,<7"],
        "serving": _SERVING,
        "test": [
            *_COLAB,
            *_SERVING,
            "codespell>=2.4,<2.5",
            "hypothesis>=6.100",
            # Another minor version of mypy or ruff finds other faults.
            "mypy>=2.4,<2.5",
            "pytest>=8.2",
            "pytest-xdist>=3.6",
            "pyyaml>=6.0",
            "ruff>=0.17,<0.18",
        ],
    },
)
