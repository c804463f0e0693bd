"""Files of pictures: what holds for each of them, whatever it shows."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from zoo import pictures

PNG = b"\x89PNG\r\n\x1a\n"


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def plane(path):
    grid, images = np.array([[-1.0, -2.0], [1.0, 2.0]]), np.full((2, 2, 4, 4), 0.5)
    return pictures.latent_plane(path, rows(50, 2), images=images, grid=grid)


def density(path):
    def log_prob(x):
        return -0.5 * np.sum(x**2, axis=1)

    return pictures.density_2d(path, rows(50, 2), rows(50, 2, 1), log_prob)


def clouds(path):
    panels = [pictures.Panel("class", np.arange(50) % 3)]
    return pictures.code_clouds(path, rows(50, 2), panels, centres=rows(3, 2))


PICTURES = {
    "image_grid": lambda path: pictures.image_grid(path, np.eye(8)[None], levels=None),
    "density_2d": density,
    "pair_plot": lambda path: pictures.pair_plot(
        path, rows(50, 3), rows(50, 3, 1), names="abc"
    ),
    "latent_plane": plane,
    "code_clouds": clouds,
    "confusion_matrix": lambda path: pictures.confusion_matrix(
        path, np.eye(3, dtype=int), row_labels="abc", column_labels="012", hits=[(0, 0)]
    ),
    "code_histograms": lambda path: pictures.code_histograms(
        path, rows(50, 3), headings="abc"
    ),
    "information_matrix": lambda path: pictures.information_matrix(
        path, np.eye(3), factors="abc", latents="012"
    ),
    "stick_figures": lambda path: pictures.stick_figures(
        path, rows(8, 3).reshape(1, 2, 4, 3), (0, 0, 1, 1)
    ),
    "training_curve": lambda path: pictures.training_curve(
        path, [{"elbo": -3.0}, {"elbo": -2.0}], term="elbo", kind="exact"
    ),
}


def write(name, path):
    return PICTURES[name](path)


def test_each_picture_is_here():
    assert {*PICTURES, "Panel"} == set(pictures.__all__)


@pytest.mark.parametrize("name", PICTURES)
class TestFiles:
    def test_is_a_png_and_the_path_comes_back(self, name, tmp_path):
        path = tmp_path / "new" / "picture.png"
        assert write(name, path) == path
        assert path.read_bytes().startswith(PNG)
        height, width, _ = imread(path).shape
        assert min(height, width) > 100
        assert os.listdir(path.parent) == ["picture.png"]

    def test_the_old_file_is_replaced_not_written_over(self, name, tmp_path):
        path, reader = tmp_path / "picture.png", tmp_path / "reader.png"
        path.write_bytes(b"old")
        os.link(path, reader)
        write(name, path)
        assert path.read_bytes().startswith(PNG)
        assert reader.read_bytes() == b"old"

    def test_same_input_same_bytes(self, name, tmp_path):
        first = write(name, str(tmp_path / "a.png")).read_bytes()
        assert write(name, str(tmp_path / "b.png")).read_bytes() == first

    def test_settings_of_the_caller_neither_matter_nor_change(self, name, tmp_path):
        plain = write(name, tmp_path / "plain.png").read_bytes()
        with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
            before = dict(matplotlib.rcParams)
            assert write(name, tmp_path / "dark.png").read_bytes() == plain
            assert dict(matplotlib.rcParams) == before

    def test_a_failed_write_leaves_the_old_file_alone(
        self, name, tmp_path, monkeypatch
    ):
        path = tmp_path / "picture.png"
        path.write_bytes(b"old")

        def fail(figure, part, **_):
            part.write_bytes(b"half")
            raise OSError("disk full")

        monkeypatch.setattr(matplotlib.figure.Figure, "savefig", fail)
        with pytest.raises(OSError, match="disk full"):
            write(name, path)
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["picture.png"]

    def test_only_png(self, name, tmp_path):
        with pytest.raises(ValueError, match=r"End it in '\.png'"):
            write(name, tmp_path / "picture.pdf")


def test_needs_neither_pyplot_nor_tensorflow():
    code = (
        "import sys, zoo.pictures; "
        "print([m for m in ('matplotlib.pyplot', 'tensorflow') if m in sys.modules])"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), *[".."] * 3))
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"
