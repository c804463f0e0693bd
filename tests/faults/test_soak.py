"""Many runs in one process: neither memory nor open files grow from run to run.

    python -m pytest -m slow -s tests/faults/test_soak.py

prints what it measures.
"""

import ctypes
import gc
import os

import pytest
from tensorflow.python.framework.func_graph import FuncGraph

from zoo.training import Options, train

pytestmark = pytest.mark.slow

RUNS = 50
# Of one run: a density, an autoencoder, a mixture of TFP's own distributions.
MODELS = {
    "maf": {"num_steps": "2", "hidden_units": "16"},
    "vae": {"latents": "2", "hidden_units": "16"},
    "gmm": {"num_components": "3"},
}
# From the tenth run to the last, MiB. What is left behind is TensorFlow's: its registry
# of gradients holds the graph of each training step in which Keras has one of its own,
# and clearing Keras' session changes nothing. A run whose graphs of bijectors were not
# forgotten would take about twice as much.
ALLOWED = 15 * (RUNS - 10)
GRAPHS = 4 * (RUNS - 10)


def _resident():
    """MiB in memory, without what is free."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_many_runs_take_no_more_than_a_few(tmp_path, capsys):
    measured = {}
    for number in range(1, RUNS + 1):
        name = list(MODELS)[number % len(MODELS)]
        fields = {"epochs": 2, "batch_size": 50, "jit_compile": False}
        path = tmp_path / str(number)
        train(
            Options(
                name,
                "wine",
                model_dir=str(path),
                settings=MODELS[name],
                fields=fields,
            )
        )
        capsys.readouterr()
        if number in (10, 30, RUNS):
            files = len(os.listdir("/proc/self/fd"))
            graphs = sum(isinstance(o, FuncGraph) for o in gc.get_objects())
            measured[number] = (_resident(), files, graphs)
            with capsys.disabled():
                memory = f"{measured[number][0]:.0f} MiB"
                print(f"\n{number} runs: {memory}, {files} open files, {graphs} graphs")
    first, last = measured[10], measured[RUNS]
    assert last[0] - first[0] < ALLOWED
    assert last[1] <= first[1] + 2
    assert last[2] - first[2] < GRAPHS
