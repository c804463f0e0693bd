"""The process of one library: answers requests, a line of JSON each.

    python -m benchmarks.peers.serve zuko

It does nothing unless asked, so that several such processes can take turns.
"""

import gc
import importlib
import json
import os
import sys
import time
import traceback
from importlib import metadata
from types import ModuleType

from benchmarks.peers.cases import Case, Task


def prepare(
    library: ModuleType, tasks: dict[str, Task], *, mode: str, case: dict
) -> dict:
    """Makes a case ready: compiled, where the library compiles."""
    tasks[mode] = library.prepare(Case(**case), mode)
    return {"parameters": tasks[mode].parameters}


def run(
    library: ModuleType, tasks: dict[str, Task], *, mode: str, times: int = 1
) -> dict:
    """Does the work a number of times; seconds, by the clock and of all threads."""
    del library
    task = tasks[mode]
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(times):
        task.run()
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu_start,
        "units": times * task.units,
    }


def release(library: ModuleType, tasks: dict[str, Task]) -> dict:
    """Forgets all tasks."""
    del library
    for task in tasks.values():
        task.close()
    tasks.clear()
    gc.collect()
    return {}


def versions(library: ModuleType, tasks: dict[str, Task]) -> dict:
    """Versions of the packages that the library is made of."""
    del tasks
    return {name: metadata.version(name) for name in library.PACKAGES}


def main(name: str) -> None:
    """Answers until the input ends."""
    # Libraries print things; answers go where standard output went before.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    library = importlib.import_module(f"benchmarks.peers.libraries.{name}")
    tasks: dict[str, Task] = {}
    commands = {f.__name__: f for f in (prepare, run, release, versions)}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = commands[request.pop("command")](library, tasks, **request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
    release(library, tasks)


if __name__ == "__main__":
    main(sys.argv[1])
