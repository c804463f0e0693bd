"""What the tests of faults share."""

import pytest

from zoo import data
from zoo.model_dir import ModelDir


@pytest.fixture(scope="session")
def write_run():
    """A function that writes a finished run of a model on a file of two columns."""

    def write_run(path, name, model):
        directory, dataset = ModelDir(path), data.load(name)
        estimate = {"mean": -2.0, "standard_error": 0.1, "rows": 2}
        config = {
            "model": "gmm",
            "recipe": None,
            "settings": {},
            "dataset": {
                "name": name,
                "data_dir": None,
                "context": [],
                "drop": [],
                "fingerprint": dataset.fingerprint(),
                "spec": dataset.spec.to_json(),
            },
            "training": {"num_labels": None},
            "seed": 0,
            "versions": {},
        }
        directory.enter(config, overwrite=False)
        report = {
            "model": "gmm",
            "dataset": "x",
            "kind": "exact",
            "unit": "nats",
            "validation": {"log_prob": estimate},
            "test": {"log_prob": estimate},
            "train_quantiles": [-3.0, -2.0, -1.0],
        }
        directory.write("report.json", report)
        model.save(directory.path / "model.keras")
        return directory

    return write_run
