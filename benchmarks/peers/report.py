"""From results to the tables and the plot of benchmarks/README.md."""

import json
import statistics
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib import ticker

from benchmarks.peers.cases import CURVES, TABLES, Curve, Table
from benchmarks.peers.measure import Result

BEGIN = "<!-- Written by `python -m benchmarks.peers`; changes here are lost. -->"
END = "<!-- End of what is written by the command. -->"

_UNITS = {"train": ("ms", 1e3), "density": ("ms", 1e3), "sample": ("ms", 1e3)}
_COLORS = {"tfgen, graph": "#56B4E9", "tfgen, XLA": "#0072B2"}
_PEER_COLOR = "#D55E00"

Results = Mapping[str, Mapping[str, Result]]


def table_text(table: Table, results: Results) -> str:
    """A table in Markdown, and below it how far the fastest peer is behind.

    Args:
        table: What was measured.
        results: By work, then by name of contestant.
    """
    heads = [_head(case.work, case.rows) for case in table.cases]
    lines = [
        f"| {' | '.join(['', 'parameters', *heads])} |",
        f"| --- |{' ---: |' * (len(heads) + 1)}",
    ]
    for contestant in table.contestants:
        mine = [results[case.work].get(contestant.name) for case in table.cases]
        if not any(mine):
            continue  # A table of before it took part.
        size = next(f"{result.parameters:,}" for result in mine if result)
        cells = [_cell(result) for result in mine]
        lines.append(f"| {' | '.join([contestant.name, size, *cells])} |")
    lines.append("")
    lines += [_comparison(table, case.work, results[case.work]) for case in table.cases]
    lines.append(parameters_text(table, results))
    return "\n".join(lines)


def fastest_peer(table: Table, results: Mapping[str, Result]) -> str:
    """The name of the fastest that is not ours."""
    peers = [c.name for c in table.contestants if c.peer and c.name in results]
    return min(peers, key=lambda name: results[name].median)


def parameters_text(table: Table, results: Results) -> str:
    """Whether all models have as many parameters, and if not, by how much not."""
    sizes: dict[int, list[str]] = {}
    for contestant in table.contestants:
        for work in results.values():
            if contestant.name in work:
                size = work[contestant.name].parameters
                names = sizes.setdefault(size, [])
                names += [contestant.name] if contestant.name not in names else []
    if len(sizes) == 1:
        return "- All have the same number of parameters."
    least = min(sizes)
    more = [
        f"{', '.join(names)}: {size - least:,} more"
        for size, names in sizes.items()
        if size > least
    ]
    return f"- Parameters: {'; '.join(more)} than the others, which are equal."


def curve_text(curve: Curve, points: list[Mapping[str, Result]]) -> str:
    """The points of a curve as a table in Markdown."""
    sizes = [f"{getattr(case, curve.axis):,}" for case in curve.cases]
    lines = [
        f"| {' | '.join([curve.axis, *sizes])} |",
        f"| --- |{' ---: |' * len(sizes)}",
    ]
    for name in points[0]:
        cells = [_cell(point.get(name)) for point in points]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def plot(curves: Mapping[str, list[Mapping[str, Result]]], path: Path) -> None:
    """One panel a curve, both axes logarithmic; bars from lowest to highest turn."""
    figure, panels = plt.subplots(
        1, len(curves), figsize=(4.2 * len(curves), 3.6), layout="constrained"
    )
    for panel, (name, points) in zip(panels, curves.items(), strict=True):
        curve = CURVES[name]
        sizes = [getattr(case, curve.axis) for case in curve.cases]
        for contestant in points[0]:
            medians = [point[contestant].median for point in points]
            low = [
                m - min(p[contestant].seconds)
                for m, p in zip(medians, points, strict=True)
            ]
            high = [
                max(p[contestant].seconds) - m
                for m, p in zip(medians, points, strict=True)
            ]
            panel.errorbar(
                sizes,
                medians,
                yerr=[low, high],
                marker="o",
                markersize=4,
                capsize=2,
                color=_COLORS.get(contestant, _PEER_COLOR),
                label=contestant,
            )
        panel.set(xscale="log", yscale="log", ylabel="seconds")
        work = curve.cases[0].work
        rows = "examples a batch" if work == "train" else "samples"
        panel.set_xlabel("features" if curve.axis == "features" else rows)
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 3)))
        panel.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: f"{y:g}"))
        panel.minorticks_off()
        panel.set_title(curve.title, fontsize=10)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write(readme: Path, stored: Mapping[str, dict], picture: Path) -> None:
    """Puts all stored results between the two marks of the README."""
    parts = [BEGIN, ""]
    for name, table in TABLES.items():
        if name in stored:
            results = {k: decode(v) for k, v in stored[name]["results"].items()}
            parts += [f"### {table.title}", "", table_text(table, results), ""]
            parts += [_circumstances(stored[name]), ""]
    curves = {
        name: [decode(point) for point in stored[name]["results"]]
        for name in CURVES
        if name in stored
    }
    if len(curves) == len(CURVES):
        plot(curves, picture)
        parts += [f"![Times against sizes]({picture.name})", ""]
    for name, points in curves.items():
        parts += [f"### {CURVES[name].title}", "", curve_text(CURVES[name], points)]
        parts += ["", _circumstances(stored[name]), ""]
    parts.append(END)
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(before + "\n".join(parts) + after)


def encode(results: Mapping[str, Result]) -> dict:
    """Results as JSON takes them."""
    return {name: vars(result) for name, result in results.items()}


def decode(results: Mapping[str, dict]) -> dict[str, Result]:
    """The inverse of `encode`."""
    return {name: Result(**fields) for name, fields in results.items()}


def load(path: Path) -> dict[str, dict]:
    """What earlier runs stored."""
    return json.loads(path.read_text()) if path.exists() else {}


def _head(work: str, rows: int) -> str:
    unit = _UNITS[work][0]
    return {
        "train": f"training step, batch {rows:,} ({unit})",
        "density": f"density of {rows:,} points ({unit})",
        "sample": f"{rows:,} samples ({unit})",
    }[work]


def _cell(result: Result | None) -> str:
    """Median, and lowest to highest turn, in milliseconds."""
    if result is None:
        return "-"
    low, high = min(result.seconds), max(result.seconds)
    return f"{_ms(result.median)} ({_ms(low)}-{_ms(high)})"


def _ms(seconds: float) -> str:
    """Three digits that count."""
    value = 1e3 * seconds
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f}"


def _comparison(table: Table, work: str, results: Mapping[str, Result]) -> str:
    peer = fastest_peer(table, results)
    ours = [c.name for c in table.contestants if not c.peer and c.name in results]
    texts = [
        f"{name} {results[peer].median / results[name].median:.2f}" for name in ours
    ]
    return f"- {work}: the fastest peer is {peer}; times as fast: {', '.join(texts)}."


def _circumstances(stored: dict) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in sorted(stored["versions"].items()))
    points = stored["results"]
    points = points.values() if isinstance(points, dict) else points
    elsewhere = statistics.mean(
        share
        for point in points
        for result in decode(point).values()
        for share in result.elsewhere
    )
    return (
        f"{stored['date']}, commit {stored['commit']}; {stored['machine']}; other "
        f"processes had {elsewhere:.0%} of the machine. {versions}."
    )
