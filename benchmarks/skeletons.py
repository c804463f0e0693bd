"""Who is moving: three classifiers, on the windows that models see.

    python -m benchmarks.skeletons [--data_dir path/to/npz] [DATASET ...]

Logistic regression, an MLP and `gmvae_supervised` classify the windows of `skeletons`
and `skeletons_actions` (or of sets that are named, such as `walkers`), standardised.
Settings are those with the highest accuracy on the windows of the validation split: for
logistic regression the strength of the penalty; for the MLP layers, penalty and
learning rate, with the first seed, and for each seed the epoch. Those of
`gmvae_supervised` were chosen so beforehand, and are constants here. Nothing is fitted
to validation rows, and test rows choose nothing. A sequence gets the person with the
highest sum of log-probabilities over its windows.
"""

import argparse
import contextlib
import functools
import itertools
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from zoo import classification
from zoo.data import DataSet, Split, load
from zoo.model_dir import ModelDir
from zoo.training import Options
from zoo.training import train as train_model

SEEDS = range(5)
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
LAYERS = ((256,), (256, 256), (512,), (512, 512))
ALPHAS = (1e-2, 1e-1, 1.0)
RATES = (1e-3, 3e-3)
EPOCHS = 40
# Of `gmvae_supervised`, and its hidden units on the data that it was tuned for.
SETTINGS = {
    "skeletons": {"hidden_units": "256,256", "label_weight": "100"},
    "skeletons_actions": {"hidden_units": "512", "label_weight": "30"},
}
FIELDS = {"epochs": 80, "weight_decay": 3.0, "monitor": "accuracy"}


class Windows:
    """The splits of a data set as vectors of mean 0 and variance 1."""

    def __init__(self, data: DataSet) -> None:
        self.data = data
        # In float32 what the penalty shrinks becomes denormal, and slow.
        flat = {
            name: split.x.reshape(len(split), -1).astype("float64")
            for name, split in data.splits.items()
        }
        scaler = StandardScaler().fit(flat["train"])
        self.x = {name: scaler.transform(x) for name, x in flat.items()}
        self.person = {name: split.context for name, split in data.splits.items()}


def accuracies(log_prob: np.ndarray, split: Split) -> tuple[float, float]:
    """The share of windows, and of sequences, whose person is found.

    Args:
        log_prob: `log p(person | window)`, `[rows, persons]`.
        split: The windows.
    """
    window = log_prob.argmax(axis=1) == split.context
    total, first = classification.group_sums(log_prob, split.group)
    whole = total.argmax(axis=1) == split.context[first]
    return float(window.mean()), float(whole.mean())


def log_probs(model: LogisticRegression | MLPClassifier, x: np.ndarray) -> np.ndarray:
    """`log p(person | window)`, `[rows, persons]`, finite where rounding gives 0."""
    return np.log(np.maximum(model.predict_proba(x), 1e-12))


def logistic_regression(windows: Windows) -> tuple[str, list[np.ndarray]]:
    """Settings, and test log-probabilities, once: there is no chance in it."""
    rows, person = windows.x["train"], windows.person["train"]
    models = [
        LogisticRegression(C=penalty, max_iter=3000).fit(rows, person)
        for penalty in PENALTIES
    ]
    held_out = windows.x["validation"], windows.person["validation"]
    model = max(models, key=lambda model: model.score(*held_out))
    told = f"C = {model.C:g} (validation {model.score(*held_out):.3f})"
    return told, [log_probs(model, windows.x["test"])]


def train(
    windows: Windows, layers: Sequence[int], alpha: float, rate: float, seed: int
) -> tuple[float, int, np.ndarray]:
    """Of the best epoch: accuracy on validation windows, number, and test answers."""
    model = MLPClassifier(
        layers, alpha=alpha, learning_rate_init=rate, batch_size=100, random_state=seed
    )
    classes = np.unique(windows.person["train"])
    best = (-1.0, 0, np.zeros(0))
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(windows.x["train"], windows.person["train"], classes=classes)
        score = model.score(windows.x["validation"], windows.person["validation"])
        if score > best[0]:
            best = (score, epoch, log_probs(model, windows.x["test"]))
    return best


def mlp(windows: Windows) -> tuple[str, list[np.ndarray]]:
    """Settings, and for each seed the log-probabilities of the test rows."""
    grid = itertools.product(LAYERS, ALPHAS, RATES)
    settings = max(grid, key=lambda choice: train(windows, *choice, SEEDS[0])[0])
    found = [train(windows, *settings, seed) for seed in SEEDS]
    layers, alpha, rate = settings
    told = (
        f"layers {', '.join(map(str, layers))}, alpha = {alpha:g}, rate = {rate:g}, "
        f"epochs {', '.join(str(epoch) for _, epoch, _ in found)} (validation "
        f"{', '.join(f'{score:.3f}' for score, _, _ in found)})"
    )
    return told, [log_prob for _, _, log_prob in found]


def mixture_vae(windows: Windows, data_dir: str | None) -> tuple[str, list[np.ndarray]]:
    """Settings, and for each seed the log-probabilities of the test rows."""
    name = windows.data.spec.name
    settings = SETTINGS.get(name) or SETTINGS["skeletons_actions"]
    settings = {**settings, "code_evidence": "false"}
    reports, answers = [], []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            options = Options(
                model="gmvae_supervised",
                dataset=name,
                data={"data_dir": data_dir},
                model_dir=folder,
                seed=seed,
                settings=settings,
                fields=FIELDS,
            )
            with contextlib.redirect_stdout(sys.stderr):
                reports.append(train_model(options))
            model = ModelDir(folder).load_model()
        answers.append(classification.log_probs(model, windows.data.test.x))
    scores = [report["classification"]["validation"]["accuracy"] for report in reports]
    told = (
        f"{', '.join(f'{k} = {v}' for k, v in {**settings, **FIELDS}.items())}, epochs "
        f"{', '.join(str(report['best_epoch']) for report in reports)} (validation "
        f"{', '.join(f'{score:.3f}' for score in scores)})"
    )
    return told, answers


def main() -> None:
    """Loads, fits, tests and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "datasets", nargs="*", default=["skeletons", "skeletons_actions"]
    )
    parser.add_argument("--data_dir", help="directory of msr_action3d.npz")
    options = parser.parse_args()
    print("| data | model | windows | sequences | settings |")
    print("| --- | --- | --- | --- | --- |")
    for name in options.datasets:
        try:
            data = load(name, data_dir=options.data_dir)
        except (ValueError, OSError) as error:
            sys.exit(f"error: {error}")
        windows = Windows(data)
        mixture = functools.partial(mixture_vae, data_dir=options.data_dir)
        for label, fit in (
            ("logistic regression", logistic_regression),
            ("MLP", mlp),
            ("gmvae_supervised", mixture),
        ):
            told, answers = fit(windows)
            pairs = [accuracies(log_prob, data.test) for log_prob in answers]
            cells = " | ".join(
                ", ".join(f"{value:.3f}" for value in values)
                for values in zip(*pairs, strict=True)
            )
            print(f"| {name} | {label} | {cells} | {told} |", flush=True)


if __name__ == "__main__":
    main()
