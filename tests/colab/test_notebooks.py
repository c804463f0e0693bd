"""The notebooks of colab/: their form, and what they come to without a network.

The slow ones are executed from the first cell to the last by a kernel of their own, in
an empty directory. Each leaves its key numbers in `results`.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "colab").glob("*.ipynb"))
NAMES = [path.stem for path in PATHS]
MOST_CELLS = 25
SECONDS = 1800  # A cell, on busy cores.
# What pip would fetch from an index under a name that is not ours.
FROM_AN_INDEX = re.compile(r"pip3? install[^\n]*[\s\"'](tfgen|zoo|export)\b(?!-)")

# From the lowest to the highest value of each key number. Runs of equal versions on one
# kind of processor repeat; others differ by rounding that training makes larger, so the
# ranges have what each number must show, not its digits.
RANGES = {
    "anomaly_scores": {
        # Of 100 faults; a Gaussian finds half, limits on columns next to none.
        "flow": (0.85, 1.0),
        "Gaussian": (0.4, 0.6),
        "limits": (0.0, 0.05),
        "threshold": (-20.0, -12.0),
        # Of scores in nats, written with six digits.
        "difference": (0.0, 1e-3),
    },
    "beta_vae_disentanglement": {
        # The best of three starts each, which had 0.04 to 0.09, and 0.17 to 0.32; of
        # single starts at other settings some had 0.11 and some 0.69.
        "mig_1": (0.02, 0.25),
        "mig_8": (0.1, 0.75),
        # The price of beta, far above what starts differ by.
        "elbo_1": (-50.0, -35.0),
        "elbo_8": (-75.0, -55.0),
        "kl_1": (18.0, 26.0),
        "kl_8": (6.0, 9.5),
    },
    "bring_your_own_bijector": {
        # A layer of tails leaves less than half of the nats, and far rows are drawn.
        "plain_gap": (0.006, 0.02),
        "tailed_gap": (-0.001, 0.004),
        "plain_far": (0.0, 2e-4),
        "tailed_far": (6e-5, 6e-4),
        "caught": (1.0, 1.0),
        # The entropy of the data is 3.35 nats; the standard error is 0.03.
        "log_prob": (-3.5, -3.2),
    },
    "gmvae_person_identification": {
        # By chance 0.1. Seeds of the first stage decide which persons share a cluster.
        "clustering_accuracy": (0.5, 1.0),
        "windows": (0.97, 1.0),
        "walks": (0.97, 1.0),
    },
    "quickstart_maf": {
        # The mean of 10,000 log-ratios; five affine steps are 0.05 nats short.
        "kl": (-0.005, 0.03),
        "integral": (0.98, 1.01),
        # 64 rows, of standard deviation 0.7 nats, around -1.04.
        "served_log_prob": (-1.4, -0.7),
        "repeats": (0.0, 0.0),
    },
    "quickstart_vae": {
        # 8 x 8 bits; the standard error over 179 images is 0.5 nats.
        "elbo_20": (-20.5, -16.5),
        "elbo_2": (-21.5, -18.0),
        # What importance sampling adds to a bound.
        "gain": (1.0, 4.0),
    },
}


def read(name):
    return nbformat.read(ROOT / "colab" / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


def test_every_notebook_has_ranges():
    assert sorted(RANGES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_short_and_stripped(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len(notebook.cells) <= MOST_CELLS
    # Readable ones, which stay when cells move.
    ids = [cell.id for cell in notebook.cells]
    assert len({*ids}) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", id) for id in ids)
    assert ids[:2] == ["title", "install"]
    assert ids[-1] == "results"
    assert notebook.cells[0].source.startswith("# ")
    for cell in code_cells(name):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_code_cells_compile(name):
    for cell in code_cells(name):
        source = cell.source
        if source.startswith("%%writefile"):
            source = source.partition("\n")[2]
        compile(TransformerManager().transform_cell(source), cell.id, "exec")


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_have_exercises_with_answers(name):
    text = "\n".join(cell.source for cell in read(name).cells)
    assert "xercises" in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_the_package_never_comes_from_an_index():
    assert FROM_AN_INDEX.search("pip install -q tfgen")
    assert not FROM_AN_INDEX.search("pip install 'tfgen-zoo @ git+https://...'")
    for path in [*PATHS, ROOT / "colab" / "README.md"]:
        assert not FROM_AN_INDEX.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("name", NAMES)
def test_the_first_code_cell_installs_from_the_source_that_is_named(name):
    """Where nothing is importable, pip is given the source and nothing else."""
    cell = ast.parse(code_cells(name)[0].source)
    given = []

    class Pip:
        @staticmethod
        def run(command, *, check):
            given.append(command)
            assert check

    for source in ("..", "a.whl", "git+https://host/repository@v1"):
        given.clear()
        names = run_install(cell, source, Pip)
        [command] = given
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        assert command[-1] in (
            source,
            f"{source}[serving]",
            f"tfgen-zoo[serving] @ {source}",
        )
        assert ("://" in source) == (
            command[-1] == f"tfgen-zoo[serving] @ {source}"
        ) or (command[-1] == source)
        assert names["SOURCE"] == source


def run_install(cell, source, pip):
    """Runs the statements up to the installation, with another source and pip."""
    statements = []
    for statement in cell.body:
        if isinstance(statement, ast.Import):
            continue
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "SOURCE":
            statement = ast.parse(f"SOURCE = {source!r}").body[0]
        statements.append(statement)
        if isinstance(statement, ast.If):
            break

    class Importlib:
        class util:  # noqa: N801
            find_spec = staticmethod(lambda name: None)

        @staticmethod
        def invalidate_caches():
            pass

    names = {"importlib": Importlib, "subprocess": pip, "sys": sys}
    exec(compile(ast.Module(statements, []), "install", "exec"), names)
    return names


def test_ruff_has_no_complaints():
    for command in (["check"], ["format", "--check"]):
        ended = subprocess.run(
            [sys.executable, "-m", "ruff", *command, ROOT / "colab"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert ended.returncode == 0, ended.stdout


SERVER = """#!{python}
import http.server, pathlib, sys

sys.path.insert(0, {tests!r})
from loopback_server import LoopbackServer

flags = dict(flag.removeprefix("--").split("=") for flag in sys.argv[1:])
bind = http.server.HTTPServer.server_bind


def bind_to_the_port(self):
    self.server_address = ("127.0.0.1", int(flags["rest_api_port"]))
    bind(self)


http.server.HTTPServer.server_bind = bind_to_the_port
base = pathlib.Path(flags["model_base_path"])
assert base.name == flags["model_name"]
LoopbackServer(base.parent)
"""


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty directory, and an environment that reaches no network and no data."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("TFGEN_OFFLINE", "1")
    monkeypatch.delenv("TFGEN_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("home", "bin", "work"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebooks_come_to_their_numbers(name, alone, monkeypatch):
    if name == "anomaly_scores":
        # It asks a server; the other notebook that serves finds none.
        program = alone / "bin" / "tensorflow_model_server"
        program.write_text(
            SERVER.format(python=sys.executable, tests=str(ROOT / "tests" / "export"))
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{alone / 'bin'}:/usr/bin:/bin")
    notebook = read(name)
    saving = "import json\njson.dump(results, open('results.json', 'w'), default=float)"
    notebook.cells.append(nbformat.v4.new_code_cell(saving))
    resources = {"metadata": {"path": str(alone / "work")}}
    NotebookClient(notebook, timeout=SECONDS, resources=resources).execute()
    results = json.loads((alone / "work" / "results.json").read_text())
    assert {*results} == {*RANGES[name]}
    for key, (low, high) in RANGES[name].items():
        assert low <= results[key] <= high, (key, results[key])
    said = "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    if name == "anomaly_scores":
        assert "TensorFlow Serving answers, version 1." in said
    if name == "quickstart_maf":
        assert "No tensorflow_model_server here" in said
