"""The directory of a run: who may write there, what is kept, and what is whole."""

import io
import json

import keras
import numpy as np
import pytest

import tfgen
from tfgen.distributions import StandardNormal
from zoo.model_dir import ModelDir, save_arrays, versions

CONFIG = {
    "model": "gmm",
    "settings": {"hidden_units": (8, 4), "num_components": 3},
    "dataset": {"name": "rings", "data_dir": None},
    "seed": 0,
    "versions": {"numpy": "2.0"},
}
WRITTEN_BY_RUNS = (
    "report.json",
    "model.keras",
    "metrics.csv",
    "examples.npz",
    "samples.npz",
    "samples.png",
    "reconstructions.png",
    "interpolation.png",
    "latent_plane.png",
    "traversals.png",
    "histograms.png",
    "factors.png",
    "codes.png",
    "classes.png",
    "confusion.png",
    "skeletons.png",
    "training.png",
    "logs/train/events.out.tfevents.1.host.2.0.v2",
    ".tmp-123-model.keras",
)
OWN = ("notes.txt", "photo.png", "scores.csv", "rows.npz", "logs/train/notes.txt")


def _fill(path, names):
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("{}")


def _files(path):
    return {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}


@pytest.fixture
def directory(tmp_path):
    """A directory that a run of `CONFIG` has entered and not finished."""
    directory = ModelDir(tmp_path / "runs" / "gmm")
    assert directory.enter(CONFIG, overwrite=False) == "new"
    return directory


# Entering.


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_or_empty_directory_is_taken(tmp_path, overwrite):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "far/below"):
        directory = ModelDir(tmp_path / name)
        assert directory.enter(CONFIG, overwrite=overwrite) == "new"
        assert directory.config == json.loads(json.dumps(CONFIG))
        assert not directory.is_finished


def test_a_run_without_a_report_starts_over(directory):
    _fill(directory.path, WRITTEN_BY_RUNS[1:])
    assert directory.enter(CONFIG, overwrite=False) == "unfinished"
    assert _files(directory.path) == {"config.json"}


CHECKPOINT = ("checkpoints/000001.npz", "checkpoints/000001.json")


def test_a_run_with_checkpoints_keeps_them_and_its_logs(directory):
    _fill(directory.path, (*WRITTEN_BY_RUNS[1:], *CHECKPOINT, *OWN))
    _fill(directory.path, ["checkpoints/.tmp-123-000002.npz"])
    assert directory.enter(CONFIG, overwrite=False) == "unfinished"
    (logs,) = (name for name in WRITTEN_BY_RUNS if name.startswith("logs"))
    assert _files(directory.path) == {"config.json", logs, *CHECKPOINT, *OWN}
    assert directory.enter(CONFIG, overwrite=True) == "new"
    assert _files(directory.path) == {"config.json", *OWN}
    assert not directory.checkpoints.exists()


def test_half_a_checkpoint_is_none(directory):
    _fill(directory.path, [*WRITTEN_BY_RUNS[1:], CHECKPOINT[0]])
    assert directory.enter(CONFIG, overwrite=False) == "unfinished"
    assert _files(directory.path) == {"config.json"}


def test_what_is_left_of_a_run_that_was_killed_at_once_is_no_hindrance(tmp_path):
    _fill(tmp_path, [".lock", ".tmp-123-config.json"])
    directory = ModelDir(tmp_path)
    assert directory.is_free
    with directory.locked():
        assert directory.enter(CONFIG, overwrite=False) == "new"
    assert _files(tmp_path) == {"config.json"}
    assert not directory.is_free


def test_a_lock_that_cannot_be_written_is_none(tmp_path):
    (tmp_path / "file").touch()
    with ModelDir(tmp_path / "file").locked():
        assert not ModelDir(tmp_path / "file").is_free


def test_a_run_with_a_report_is_left_as_it_is(directory):
    _fill(directory.path, (*WRITTEN_BY_RUNS, *OWN))
    before = _files(directory.path)
    assert directory.is_finished
    assert directory.enter(CONFIG, overwrite=False) == "finished"
    assert _files(directory.path) == before


def test_overwriting_removes_what_runs_write_and_nothing_else(directory):
    _fill(directory.path, (*WRITTEN_BY_RUNS, *OWN))
    config = {**CONFIG, "seed": 1}
    assert directory.enter(config, overwrite=True) == "new"
    assert _files(directory.path) == {"config.json", *OWN}
    assert directory.config["seed"] == 1


def test_overwriting_removes_the_run_of_a_teacher_too(directory):
    teacher = directory.teacher
    teacher.enter(CONFIG, overwrite=False)
    _fill(teacher.path, (*WRITTEN_BY_RUNS, *OWN))
    teacher.teacher.enter(CONFIG, overwrite=False)
    before = _files(teacher.path)
    assert directory.enter(CONFIG, overwrite=False) == "unfinished"
    assert _files(teacher.path) == before
    directory.enter(CONFIG, overwrite=True)
    assert _files(teacher.path) == set(OWN)
    # What is no run is left alone.
    directory.enter(CONFIG, overwrite=True)
    assert _files(teacher.path) == set(OWN)


def test_overwriting_leaves_no_empty_folder_of_a_teacher(directory):
    directory.teacher.enter(CONFIG, overwrite=False)
    directory.enter(CONFIG, overwrite=True)
    assert not directory.teacher.path.exists()


def test_overwriting_helps_against_a_damaged_configuration(directory):
    (directory.path / "config.json").write_text('{\n  "model": ')
    with pytest.raises(ValueError, match="is not valid JSON .* --overwrite"):
        directory.enter(CONFIG, overwrite=False)
    assert directory.enter(CONFIG, overwrite=True) == "new"
    assert directory.config["seed"] == 0


CHANGES = {
    "number": ({"seed": 1}, "seed: was 0, is 1"),
    "nested": (
        {"settings": {**CONFIG["settings"], "num_components": 5}},
        "settings.num_components: was 3, is 5",
    ),
    "list": (
        {"settings": {**CONFIG["settings"], "hidden_units": (8,)}},
        r"settings.hidden_units: was \[8, 4\], is \[8\]",
    ),
    "absent": ({"settings": {}}, "settings.num_components: was 3, is None"),
    "two": (
        {"model": "maf", "seed": 1},
        "model: was gmm, is maf; seed: was 0, is 1",
    ),
}


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("name", CHANGES)
def test_another_run_is_refused_and_the_difference_named(directory, name, finished):
    changes, message = CHANGES[name]
    _fill(directory.path, WRITTEN_BY_RUNS[0 if finished else 1 :])
    before = _files(directory.path)
    with pytest.raises(
        ValueError, match=f"another run; it differs in .*{message}"
    ) as e:
        directory.enter({**CONFIG, **changes}, overwrite=False)
    assert str(e.value).endswith(
        "Give another --model_dir, or --overwrite to start anew."
    )
    assert _files(directory.path) == before
    assert directory.config["seed"] == 0


def test_versions_and_paths_of_data_may_differ(directory):
    dataset = {"name": "rings", "data_dir": "elsewhere"}
    config = {**CONFIG, "dataset": dataset, "versions": {"numpy": "2.1"}}
    assert directory.enter(config, overwrite=False) == "unfinished"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_of_something_else_is_refused(tmp_path, overwrite):
    _fill(tmp_path, OWN)
    with pytest.raises(ValueError, match="which holds other files. Give another"):
        ModelDir(tmp_path).enter(CONFIG, overwrite=overwrite)
    assert _files(tmp_path) == set(OWN)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=f"must be writable; received .*{name} ") as error:
        ModelDir(tmp_path / name).enter(CONFIG, overwrite=False)
    assert str(error.value).endswith("Give another --model_dir.")


# Reading.


@pytest.mark.parametrize("what", ["config", "report", "load_model"])
def test_what_is_missing_is_named(tmp_path, what):
    directory = ModelDir(tmp_path)
    with pytest.raises(FileNotFoundError, match="Train first: python -m zoo.train"):
        getattr(directory, what)()


def test_a_damaged_report_is_named(directory):
    (directory.path / "report.json").write_text("{")
    with pytest.raises(ValueError, match="report.json is not valid JSON"):
        directory.report()


def _model():
    return tfgen.DensityModel(StandardNormal([2]))


def test_a_model_is_read_as_it_was_written(directory):
    _model().save(directory.path / "model.keras")
    x = np.ones([3, 2], "float32")
    np.testing.assert_array_equal(
        directory.load_model()(x)["log_prob"], _model()(x)["log_prob"]
    )


def test_a_damaged_model_is_named(directory):
    (directory.path / "model.keras").write_text("not a model")
    with pytest.raises(
        ValueError, match=r"model.keras cannot be read as a model \(.+\)"
    ):
        directory.load_model()


def test_a_model_of_classes_unknown_here_asks_for_the_recipe(directory):
    class Mine(tfgen.DensityModel):
        """A model that a recipe file defines."""

    name = keras.saving.get_registered_name(Mine)
    Mine(StandardNormal([2])).save(directory.path / "model.keras")
    del keras.saving.get_custom_objects()[name]
    message = r"\(Could not locate class 'Mine'\)\. .* --model=path/to/recipe.py"
    with pytest.raises(ValueError, match=message):
        directory.load_model()


# Writing.


def test_json_is_written_whole_and_read_back(directory):
    directory.write("report.json", {"mean": 0.1, "rows": [1, 2]})
    assert directory.report == {"mean": 0.1, "rows": [1, 2]}
    assert _files(directory.path) == {"config.json", "report.json"}


def test_arrays_are_written_and_read_back(directory):
    arrays = {"x": np.eye(3, dtype="uint8"), "seed": np.arange(3)}
    directory.write_arrays("examples.npz", arrays)
    with np.load(directory.path / "examples.npz", allow_pickle=False) as read:
        assert set(read) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == array.dtype
    with pytest.raises(TypeError, match="received objects in x"):
        save_arrays(io.BytesIO(), {"x": np.array([{}])})


def test_a_file_is_whole_or_as_before(directory):
    target = directory.path / "notes.txt"
    target.write_text("before")
    with pytest.raises(KeyError):  # noqa: PT012
        with directory.replacing("notes.txt") as path:
            assert path.suffix == ".txt"
            path.write_text("half")
            assert target.read_text() == "before"
            raise KeyError
    assert target.read_text() == "before"
    assert _files(directory.path) == {"config.json", "notes.txt"}
    with directory.replacing("notes.txt") as path:
        path.write_text("after")
    assert target.read_text() == "after"
    assert _files(directory.path) == {"config.json", "notes.txt"}


def test_a_file_needs_a_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a directory that exists; .*nowhere"):
        with ModelDir(tmp_path / "nowhere").replacing("notes.txt"):
            pass


def test_versions_are_those_of_what_numbers_depend_on():
    assert versions()["numpy"] == np.__version__
    assert versions()["keras"] == keras.__version__
    assert {"python", "tensorflow", "tensorflow-probability"} <= set(versions())
