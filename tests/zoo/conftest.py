"""What the tests of the zoo share."""

import dataclasses

import pytest

_ESTIMATE = {"mean": 0.0, "standard_error": 1.0, "rows": 6}


@pytest.fixture(scope="session")
def finish_quickly():
    """In place of the end of a run, pictures above all: its weights and numbers."""

    def finish(model, data, fitted, directory, name, teacher=None):
        weights = {str(i): w for i, w in enumerate(model.get_weights())}
        directory.write_arrays("examples.npz", weights)
        terms = {model.term_names[0]: _ESTIMATE}
        report = {
            "kind": model.kind,
            "unit": "nats",
            **{name: terms for name in ("validation", "test")},
            **dataclasses.asdict(fitted),
        }
        directory.write("report.json", report)
        return report

    return finish
