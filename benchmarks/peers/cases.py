"""What is measured, and who takes part."""

import dataclasses
from collections.abc import Callable

THREADS = 2


@dataclasses.dataclass(frozen=True)
class Case:
    """One piece of work on one architecture, the same for everybody.

    Attributes:
        work: `train` (one step of Adam), `density` or `sample`.
        model: `maf`, `realnvp` or `vae`.
        features: Size of an example.
        hidden: Width of both hidden layers of every network.
        rows: Examples of a batch, points, or samples.
        num_steps: Steps of the flow.
    """

    work: str
    model: str
    features: int
    hidden: int
    rows: int
    num_steps: int = 5


@dataclasses.dataclass
class Task:
    """A case made ready by a library.

    Attributes:
        parameters: Trainable numbers of the model.
        run: Does the work and returns when it is done.
        units: How many steps or calls one run is.
        close: Ends what runs in the background.
    """

    parameters: int
    run: Callable[[], object]
    units: int = 1
    close: Callable[[], None] = lambda: None


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A library, and how it is used.

    Attributes:
        name: As the tables call it.
        library: A module of `benchmarks.peers.libraries`.
        mode: What that module is asked for.
        works: What it takes part in.
        peer: Whether it is somebody else's.
    """

    name: str
    library: str
    mode: str
    works: tuple[str, ...] = ("train", "density", "sample")
    peer: bool = True


@dataclasses.dataclass(frozen=True)
class Table:
    """Cases on one architecture, one column each.

    Attributes:
        title: What stands above it.
        cases: The columns.
        contestants: The rows.
    """

    title: str
    cases: tuple[Case, ...]
    contestants: tuple[Contestant, ...]


@dataclasses.dataclass(frozen=True)
class Curve:
    """One case at several sizes: ours and the fastest peer of a table.

    Attributes:
        title: What stands above it.
        axis: The field of the case that varies.
        cases: The points.
        fastest_of: The table whose fastest peer takes part.
    """

    title: str
    axis: str
    cases: tuple[Case, ...]
    fastest_of: str


OURS_GRAPH = Contestant(
    "tfgen, graph", "tfgen", "graph", ("density", "sample"), peer=False
)
OURS_XLA = Contestant("tfgen, XLA", "tfgen", "xla", peer=False)
BY_HAND = Contestant(
    "the same step by hand, XLA", "tensorflow", "hand", ("train",), peer=False
)
PEERS = (
    Contestant("zuko", "zuko", "eager"),
    Contestant("nflows", "nflows", "eager"),
    Contestant("normflows", "normflows", "eager"),
    Contestant("flowjax, jit", "flowjax", "jit"),
    Contestant("TFP with tf_keras, graph", "tfp", "graph"),
    Contestant("TFP with tf_keras, XLA", "tfp", "xla"),
)
VAES = (
    OURS_XLA,
    Contestant("TensorFlow by hand, XLA", "tensorflow", "hand", ("train",), peer=False),
    Contestant("PyTorch, loop", "pytorch", "eager", ("train",)),
    Contestant("JAX, jit", "jax", "jit", ("train",)),
)


def _flow(model: str, features: int, hidden: int, samples: int, steps: int) -> tuple:
    works = {"train": 100, "density": 5000, "sample": samples}
    return tuple(
        Case(work, model, features, hidden, rows, steps) for work, rows in works.items()
    )


TABLES = {
    "maf-43": Table(
        "MAF: 5 steps, 2 hidden layers of 512, 43 features",
        _flow("maf", 43, 512, 1000, 5),
        (OURS_GRAPH, OURS_XLA, BY_HAND, *PEERS),
    ),
    "maf-784": Table(
        "MAF: 5 steps, 2 hidden layers of 1,024, 784 features",
        _flow("maf", 784, 1024, 100, 5),
        (OURS_GRAPH, OURS_XLA, BY_HAND, *PEERS),
    ),
    "realnvp": Table(
        "RealNVP: 10 couplings, 2 hidden layers of 256, 64 features",
        _flow("realnvp", 64, 256, 1000, 10),
        (OURS_GRAPH, OURS_XLA, *PEERS),
    ),
    "vae": Table(
        "Variational autoencoder: 784-300-300-50 and back, Bernoulli",
        (Case("train", "vae", 784, 300, 100),),
        VAES,
    ),
}

CURVES = {
    "sample-features": Curve(
        "Sampling, 100 samples, hidden 512 x 2",
        "features",
        tuple(Case("sample", "maf", d, 512, 100) for d in (8, 32, 128, 512, 1024)),
        "maf-43",
    ),
    "sample-rows": Curve(
        "Sampling, 43 features, hidden 512 x 2",
        "rows",
        tuple(Case("sample", "maf", 43, 512, n) for n in (10, 100, 1000, 10000)),
        "maf-43",
    ),
    "train-rows": Curve(
        "Training step, 43 features, hidden 512 x 2",
        "rows",
        tuple(Case("train", "maf", 43, 512, n) for n in (32, 100, 320, 1000)),
        "maf-43",
    ),
}


def small(case: Case) -> Case:
    """The case in a size that takes no time, for `--quick`."""
    return dataclasses.replace(
        case,
        features=min(case.features, 8),
        hidden=16,
        rows=min(case.rows, 20),
        num_steps=2,
    )
