"""Models that come with the zoo: whole, small, and as good as their reports say."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import zoo
from zoo import pretrained
from zoo.evaluation import Estimate, Scorer
from zoo.pretrained import runs
from zoo.runs import open_run

NAMES = [tuple(name.split("-", 1)) for name in pretrained.names()]
DATA_DIR = os.environ.get("TFGEN_DATA_DIR")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of trained models of its own, with one in it."""
    path = tmp_path / "pretrained"
    path.mkdir()
    name = "nsf-eight_gaussians"
    shutil.copytree(pretrained.FOLDER / name, path / name)
    lines = (pretrained.FOLDER / "SHA256SUMS").read_text().splitlines(keepends=True)
    (path / "SHA256SUMS").write_text("".join(s for s in lines if f"  {name}/" in s))
    monkeypatch.setattr(pretrained, "FOLDER", path)
    return path


def test_the_zoo_comes_with_trained_models():
    assert ("vae", "mnist") in NAMES
    assert len(NAMES) >= 4


@pytest.mark.parametrize(("model", "dataset"), NAMES)
def test_a_trained_model_is_small_and_tells_no_paths(model, dataset):
    directory = runs.find(model, dataset)
    assert (directory.path / "model.keras").stat().st_size <= 2 * 2**20
    assert directory.config["model"] == model
    assert directory.config["dataset"]["name"] == dataset
    assert directory.config["dataset"]["data_dir"] is None
    assert sorted(path.name for path in directory.path.iterdir()) == sorted(
        ["config.json", "report.json", "model.keras", "examples.npz"]
    )


@pytest.mark.parametrize(("model", "dataset"), NAMES)
def test_a_trained_model_has_the_numbers_of_its_report(model, dataset):
    run = open_run(str(runs.find(model, dataset).path))
    needs_tfds = "mnist" in dataset
    if needs_tfds and DATA_DIR is None:
        pytest.skip(f"{dataset} is read from TFGEN_DATA_DIR, which is not set")
    data = run.load_data(f"{DATA_DIR}/tfds" if needs_tfds else None)
    for term, values in Scorer(run.model)(data.test).items():
        reported = run.report["test"][term]
        estimate = Estimate.of(values)
        assert estimate.rows == reported["rows"]
        assert estimate.mean == pytest.approx(reported["mean"], rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(("model", "dataset"), NAMES)
def test_a_trained_model_gives_the_answers_that_it_gave(model, dataset):
    directory = runs.find(model, dataset)
    loaded = zoo.load(model, dataset)
    with np.load(directory.path / "examples.npz", allow_pickle=False) as examples:
        inputs = {name: examples[name] for name in ("x", "seed")}
        expected = examples[f"{loaded.term_names[0]}/{loaded.term_names[0]}"]
    assert len(expected) == 8
    answers = loaded(inputs)[loaded.term_names[0]]
    np.testing.assert_allclose(answers, expected, rtol=1e-4)


def test_no_such_model():
    with pytest.raises(ValueError, match=r"'vea-mnist'.*did you mean 'vae-mnist'"):
        zoo.load("vea", "mnist")


@pytest.mark.parametrize("file", ["model.keras", "config.json"])
def test_a_model_that_has_changed_is_refused(folder, file):
    path = folder / "nsf-eight_gaussians" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{file}, which is missing or has changed"):
        zoo.load("nsf", "eight_gaussians")
    path.unlink()
    with pytest.raises(ValueError, match=f"{file}, which is missing or has changed"):
        zoo.load("nsf", "eight_gaussians")


def test_a_copy_is_a_run(tmp_path):
    directory = runs.copy("nsf", "eight_gaussians", str(tmp_path / "run"))
    run = open_run(str(directory.path))
    assert run.report == runs.report("nsf-eight_gaussians")
    assert run.load_data().spec == run.spec
    with pytest.raises(ValueError, match="which has files"):
        runs.copy("nsf", "eight_gaussians", str(tmp_path / "run"))


def test_a_run_is_added_again(folder, tmp_path):
    run = runs.copy("nsf", "eight_gaussians", str(tmp_path / "run"))
    shutil.rmtree(folder / "nsf-eight_gaussians")
    (folder / "SHA256SUMS").unlink()
    assert pretrained.names() == ()
    assert runs.add(str(run.path)) == "nsf-eight_gaussians"
    assert pretrained.names() == ("nsf-eight_gaussians",)
    assert zoo.load("nsf", "eight_gaussians").event_shape == (2,)


def test_large_models_are_not_added(tmp_path, monkeypatch):
    run = runs.copy("nsf", "eight_gaussians", str(tmp_path / "run"))
    monkeypatch.setattr(runs, "_MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="of at most 1,000 bytes; received"):
        runs.add(str(run.path))


def test_the_list_takes_no_tensorflow():
    program = "import sys, zoo; print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    listed = subprocess.run(
        [sys.executable, "-m", "zoo.pretrained"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in pretrained.names():
        assert name in listed.stdout
