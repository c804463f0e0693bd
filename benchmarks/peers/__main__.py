"""Times tfgen against its peers, side by side on this machine.

    python -m benchmarks.peers --quick        # everything in a tiny size: does it run?
    python -m benchmarks.peers                # all tables and curves
    python -m benchmarks.peers maf-43 vae     # some of them; others stay as they are

A curve is measured against the fastest peer of a table, which is measured too if it was
not before. Installs the peers into an environment of their own, prints the tables, and
writes them and a plot to benchmarks/README.md. Run it in an environment with this
project, on a machine that has nothing else to do. How it is measured stands there.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import subprocess
from collections.abc import Collection
from pathlib import Path

from benchmarks.peers import report
from benchmarks.peers.cases import CURVES, OURS_GRAPH, OURS_XLA, TABLES, THREADS, small
from benchmarks.peers.measure import Effort, measure
from benchmarks.peers.workers import Pool, limit_cores, make_environment

_HERE = Path(__file__).parent
_RESULTS = _HERE / "results.json"
_README = _HERE.parent / "README.md"
_PICTURE = _HERE.parent / "speed.png"


def main() -> None:
    """Measures what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*TABLES, *CURVES]
    parser.add_argument("what", nargs="*", help=f"some of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="tiny, and not kept")
    parser.add_argument(
        "--environment",
        type=Path,
        default=_HERE / ".venv",
        help="directory of the peers' environment",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.what) - set(names)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {names}")
    run(arguments.what or names, arguments.environment, quick=arguments.quick)


def run(names: list[str], environment: Path, *, quick: bool) -> None:
    """Measures the tables and curves of these names."""
    stored = {} if quick else report.load(_RESULTS)
    names = in_order(names, stored)
    circumstances = about_this_run()
    pool = Pool(make_environment(environment.absolute()))
    limit_cores()
    try:
        for name in names:
            if name in TABLES:
                measured = table(pool, name, quick=quick)
            else:
                measured = curve(pool, name, stored, quick=quick)
            stored[name] = {
                **circumstances,
                "versions": dict(pool.versions),
                "results": measured,
            }
            if not quick:
                _RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
                report.write(_README, stored, _PICTURE)
    finally:
        pool.close()


def in_order(names: Collection[str], measured: Collection[str]) -> list[str]:
    """Tables before curves, and those too that curves need and were not measured."""
    curves = [name for name in CURVES if name in names]
    needed = {CURVES[name].fastest_of for name in curves} - set(measured)
    tables = [name for name in TABLES if name in names or name in needed]
    return [*tables, *curves]


def table(pool: Pool, name: str, *, quick: bool) -> dict:
    """Measures a table, and prints it."""
    table = TABLES[name]
    if quick:
        cases = tuple(small(case) for case in table.cases)
        table = dataclasses.replace(table, cases=cases)
    effort = Effort(rounds=1, turn=0.0) if quick else Effort()
    results = {
        case.work: measure(pool, case, table.contestants, effort)
        for case in table.cases
    }
    print(f"\n{table.title}\n\n{report.table_text(table, results)}", flush=True)
    return {work: report.encode(of_work) for work, of_work in results.items()}


def curve(pool: Pool, name: str, stored: dict, *, quick: bool) -> list:
    """Measures a curve, and prints it."""
    curve = CURVES[name]
    table = TABLES[curve.fastest_of]
    work = curve.cases[0].work
    of_table = report.decode(stored[curve.fastest_of]["results"][work])
    fastest = report.fastest_peer(table, of_table)
    peers = [c for c in table.contestants if c.name == fastest]
    effort = Effort(rounds=1, turn=0.0) if quick else Effort(rounds=3, slow=2.0)
    points = [
        measure(
            pool,
            small(case) if quick else case,
            (OURS_GRAPH, OURS_XLA, *peers),
            effort,
        )
        for case in curve.cases
    ]
    print(f"\n{curve.title}\n\n{report.curve_text(curve, points)}", flush=True)
    return [report.encode(point) for point in points]


def about_this_run() -> dict:
    """Date, commit and machine."""
    commit = subprocess.run(
        ["git", "-C", str(_HERE), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit or "unknown",
        "machine": f"{cpu()}, {THREADS} threads, Python {platform.python_version()}",
    }


def cpu() -> str:
    """The processor, as the operating system calls it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
