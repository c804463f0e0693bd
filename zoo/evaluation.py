"""Numbers of a trained model: terms of rows, means with standard errors, reports."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from tfgen import VAE, ConcreteMixtureVAE, GenerativeModel, random
from tfgen.distributions import Flow
from tfgen.flows import Logit, Scale
from tfgen.metrics import bits_per_dim, logit_space_log_prob
from tfgen.models.latent import LatentModel
from zoo import classification, disentanglement, divergences
from zoo.data import DataSet, DataSpec, Split
from zoo.fitting import EVALUATION_SEED, evaluation_batches
from zoo.model_dir import Json
from zoo.recipe import Reference
from zoo.streaming.batches import plain_errors

# From a batch of rows with their seeds to `[batch]` for each name, as models are.
Terms: TypeAlias = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]

# Enough for a percentile to a tenth, and quick for every model.
_QUANTILE_ROWS = 20_000
_FRESH_POINTS = 100_000
KINDS = {"lower_bound": "lower bound", "none": "no likelihood"}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over examples with its standard error.

    Attributes:
        mean: In nats per example.
        standard_error: Of the mean, over examples; of one fit, not over seeds. None
            for a single example.
        rows: How many examples.
    """

    mean: float
    standard_error: float | None
    rows: int

    @classmethod
    def of(cls, values: np.ndarray) -> "Estimate":
        """The estimate from one value an example."""
        values = np.asarray(values, np.float64)
        error = None
        if len(values) > 1:
            error = float(values.std(ddof=1) / np.sqrt(len(values)))
        return cls(float(values.mean()), error, len(values))

    def __str__(self) -> str:
        """Mean and standard error."""
        error = "?" if self.standard_error is None else f"{self.standard_error:.3f}"
        return f"{self.mean:.3f} ± {error}"


class Scorer:
    """The terms of rows, as NumPy arrays; a row's numbers depend on nothing else.

    Args:
        model: The model, or another function of the same inputs.
        seed: Of the noise of models that add any, with the number of the row.
    """

    def __init__(self, model: Terms, seed: int = EVALUATION_SEED) -> None:
        self._seed = seed
        # One trace for all batches; without XLA, whose compilation would cost more.
        self._terms = tf.function(model)

    def __call__(self, split: Split, first_row: int = 0) -> dict[str, np.ndarray]:
        """`[rows]` for each term, in nats; `first_row` is the number of row 0."""
        parts: dict[str, list[np.ndarray]] = {}
        with plain_errors(split):
            for inputs, weights, _ in evaluation_batches(split, self._seed, first_row):
                count = int(tf.reduce_sum(weights))
                for name, values in self._terms(inputs).items():
                    parts.setdefault(name, []).append(values.numpy()[:count])
        return {name: np.concatenate(values) for name, values in parts.items()}


def report_on(
    model: GenerativeModel, data: DataSet, num_importance_samples: int = 0
) -> Json:
    """Everything that is reported of a trained model, ready for `report.json`.

    Args:
        model: The model.
        data: The data set.
        num_importance_samples: Draws for each test row, for an estimate of `log p(x)`;
            0 for none.

    Raises:
        ValueError: If such an estimate is wanted of a model that has none.
        ArithmeticError: If a number is not finite.
    """
    if num_importance_samples > 0:
        _require_importance_samples(model)
    scorer = Scorer(model)
    answer = model.term_names[0]
    report: Json = {"kind": model.kind, "unit": "nats per example"}
    for name, split in (("validation", data.validation), ("test", data.test)):
        terms = scorer(split)
        for term, values in terms.items():
            _require_finite(values, f"{term} of the {name} split")
        report[name] = {
            term: dataclasses.asdict(Estimate.of(values))
            for term, values in terms.items()
        }
    if isinstance(model, ConcreteMixtureVAE):
        report["discrete"] = _discrete_bounds(model, data)
        agreement = classification.agreement(model, data)
        if agreement is not None:
            report["classification"] = agreement
    if isinstance(model, VAE):
        means = divergences.kl_per_latent(model, data.test.x)
        if means is not None:
            report["kl_per_latent"] = means
    if isinstance(model, LatentModel) and data.factors is not None:
        measures = disentanglement.scores(model, data.factors, seed=EVALUATION_SEED)
        if measures is not None:
            report["disentanglement"] = measures
    if num_importance_samples > 0:
        values = model.importance_log_prob(
            data.test.x, num_importance_samples, seed=EVALUATION_SEED
        ).numpy()
        _require_finite(values, "log p of the test split")
        report["importance"] = {
            "num_samples": num_importance_samples,
            "test": dataclasses.asdict(Estimate.of(values)),
        }
    # What is no density of the data has none of its units either.
    if data.spec.levels is not None and model.kind != "none":
        mean = report["test"][answer]["mean"]
        report["bits_per_dim"] = bits_per_dim(mean, data.spec.event_shape)
        # Of the test split, which comes last.
        logits = _in_logit_space(model, data.spec.levels, data.test, terms[answer])
        if logits is not None:
            report["logit_space"] = dataclasses.asdict(Estimate.of(logits))
    if data.log_prob is not None and model.kind != "none":
        # The same points for both densities: their difference has the smaller error.
        points = data.test
        if data.sample is not None:
            points = Split(data.sample(_FRESH_POINTS, EVALUATION_SEED))
        given = () if points.context is None else (points.context,)
        excess = data.log_prob(points.x, *given) - scorer(points)[answer]
        report["divergence"] = _divergence(excess)
    total = len(data.train)
    rows = np.arange(min(total, _QUANTILE_ROWS))
    if total > _QUANTILE_ROWS:
        chosen = np.random.default_rng(0).choice(total, _QUANTILE_ROWS, replace=False)
        rows = np.sort(chosen)
    context = None if data.train.context is None else data.train.context[rows]
    if data.spec.context is not None and data.spec.context.optional:
        # As rows are scored whose label nobody knows.
        context = np.full_like(context, -1)
    scores = scorer(Split(data.train.x[rows], context))[answer]
    _require_finite(scores, f"{answer} of the train split", rows)
    report["train_quantiles"] = np.quantile(scores, np.linspace(0, 1, 1001)).tolist()
    return report


def _discrete_bounds(model: ConcreteMixtureVAE, data: DataSet) -> Json:
    """The terms of the mixture whose category is not relaxed."""

    def terms(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        rows = {name: values for name, values in inputs.items() if name != "seed"}
        return model.discrete_terms(rows, inputs["seed"])

    scorer, report = Scorer(terms), {}
    for name, split in (("validation", data.validation), ("test", data.test)):
        report[name] = {
            term: dataclasses.asdict(Estimate.of(values))
            for term, values in scorer(split).items()
        }
    return report


def _divergence(excess: np.ndarray) -> Json:
    """The mean excess; None where it is infinite, which JSON cannot hold."""
    impossible = int(np.isposinf(excess).sum())
    if impossible == 0:
        return dataclasses.asdict(Estimate.of(excess))
    unknown = {"mean": None, "standard_error": None}
    return {**unknown, "rows": len(excess), "impossible": impossible}


def _in_logit_space(
    model: GenerativeModel, levels: int, split: Split, log_prob: np.ndarray
) -> np.ndarray | None:
    """The numbers of rows in nats of logits; None for models that take no logit."""
    density = getattr(model, "density", None)
    layers = density.bijectors if isinstance(density, Flow) else []
    match layers:
        case [Scale(scale=scale), Logit(alpha=alpha), *_] if scale == 1.0 / levels:
            pass
        case _:
            return None

    def change(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        x = model.dequantize(inputs["x"], inputs["seed"])
        zeros = tf.zeros_like(inputs["seed"], tf.float64)
        return {"change": logit_space_log_prob(zeros, x, levels=levels, alpha=alpha)}

    return log_prob + Scorer(change)(split)["change"]


def _require_importance_samples(model: GenerativeModel) -> None:
    if not hasattr(model, "importance_log_prob") or model.kind == "none":
        raise ValueError(
            "Importance sampling estimates log p(x) for models with a posterior of "
            f"codes and a likelihood; received a {type(model).__name__} of kind "
            f"{model.kind}. Leave --num_importance_samples out."
        )


def _require_finite(
    values: np.ndarray, what: str, rows: np.ndarray | None = None
) -> None:
    """Raises ArithmeticError if a number that would be reported is none."""
    finite = np.isfinite(values)
    if not finite.all():
        first = int(np.argmin(finite))
        row = first if rows is None else rows[first]
        raise ArithmeticError(
            f"Reported numbers must be finite; the {what} is {values[first]} in row "
            f"{row + 1}. Look for extreme values in that row, or leave it out."
        )


def percentiles(scores: np.ndarray, report: Json) -> np.ndarray:
    """Per cent of the training rows that score lower; NaN for a score that is NaN."""
    quantiles = np.asarray(report["train_quantiles"])
    # Of equal scores none is lower than another: the first of equal quantiles counts.
    values, first = np.unique(quantiles, return_index=True)
    return np.interp(scores, values, 100 * first / (len(quantiles) - 1))


def describe(
    report: Json,
    spec: DataSpec,
    references: Sequence[Reference] = (),
) -> str:
    """The numbers of a report for people, a line each."""
    kind = KINDS.get(report["kind"], report["kind"])
    lines = [f"{report['model']} on {spec.name}, {kind}, nats per example"]
    for split in ("validation", "test"):
        for term, estimate in report[split].items():
            shown = Estimate(**estimate)
            lines.append(f"  {split:10} {term:14} {shown}   ({shown.rows} rows)")
    for split, terms in report.get("discrete", {}).items():
        shown = Estimate(**terms["elbo"])
        lines.append(
            f"  {split:10} {'discrete elbo':14} {shown}   ({shown.rows} rows; the "
            "others are of the relaxed model)"
        )
    lines += classification.describe(report.get("classification", {}))
    lines += divergences.describe(report.get("kl_per_latent", []))
    lines += disentanglement.describe(report.get("disentanglement", {}))
    if "importance" in report:
        shown = Estimate(**report["importance"]["test"])
        lines.append(
            f"  {'test':10} {'log p':14} {shown}   ({shown.rows} rows, "
            f"{report['importance']['num_samples']} importance samples each)"
        )
    if "bits_per_dim" in report:
        lines.append(f"  {'test':10} {'bits per dim':14} {report['bits_per_dim']:.3f}")
    if "logit_space" in report:
        shown = Estimate(**report["logit_space"])
        lines.append(f"  {'test':10} {'of the logits':14} {shown}   (nats)")
    if "impossible" in report.get("divergence", {}):
        lines.append(
            f"  {'true':10} {'log p - model':14} infinite   "
            "({impossible} of {rows} points have no density)".format(
                **report["divergence"]
            )
        )
    elif "divergence" in report:
        shown = Estimate(**report["divergence"])
        lines.append(
            f"  {'true':10} {'log p - model':14} {shown}   ({shown.rows} points)"
        )
    if "teacher" in report:
        for term, estimate in report["teacher"]["test"].items():
            shown = Estimate(**estimate)
            lines.append(
                f"  {'teacher':10} {term:14} {shown}   "
                f"({report['teacher']['model']}, {shown.rows} test rows)"
            )
    for reference in references:
        if reference.dataset == spec.name and report["kind"] != "none":
            lines.append(
                f"  {'reference':10} {'':14} {reference.value:.3f}           "
                f"({reference.source})"
            )
    return "\n".join(lines)


def examples(
    model: GenerativeModel, data: DataSet, rows: int = 64
) -> dict[str, np.ndarray]:
    """Raw test rows and the model's answers to them, for checks of exported models.

    Inputs are named as in signatures; answers as `signature/output`. An input that
    data do not have, such as the noise that `decode` takes, is another's answer.
    """
    inputs = {"x": data.test.x[:rows]}
    if data.test.context is not None:
        inputs["context"] = data.test.context[:rows]
    signatures = model.signatures(input_specs(inputs))
    inputs["seed"] = random.row_seeds(
        EVALUATION_SEED, tf.range(len(inputs["x"]))
    ).numpy()
    wanted = {name for signature in signatures for name in signature.inputs}
    answers: dict[str, np.ndarray] = {}
    for signature in signatures:
        given = {name: tf.constant(inputs[name]) for name in signature.inputs}
        for name, values in signature.concrete()(**given).items():
            answers[f"{signature.name}/{name}"] = values.numpy()
            if name in wanted:
                inputs.setdefault(name, values.numpy())
    return {**inputs, **answers}


def input_specs(inputs: Mapping[str, np.ndarray]) -> dict[str, tf.TensorSpec]:
    """Shapes `[None, ...]` and dtypes of rows."""
    return {
        name: tf.TensorSpec([None, *rows.shape[1:]], rows.dtype)
        for name, rows in inputs.items()
    }
