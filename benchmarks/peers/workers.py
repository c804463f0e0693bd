"""The peers' environment, and one process a library that waits to be asked."""

import dataclasses
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.peers.cases import THREADS, Case

_CHECKOUT = Path(__file__).parents[2]
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# These run where the project does; TFP and tf_keras are among its dependencies.
_AT_HOME = ("tensorflow", "tfgen", "tfp")
_LAST_LINES = 20


@dataclasses.dataclass(frozen=True)
class Turn:
    """How long a contestant took.

    Attributes:
        seconds: A step or call, by the clock.
        cpu_seconds: The same, summed over threads.
        whole: All steps or calls of the turn, by the clock.
        elsewhere: Share of the machine that other processes had meanwhile.
    """

    seconds: float
    cpu_seconds: float
    whole: float
    elsewhere: float


class WorkerError(RuntimeError):
    """A library failed at what it was asked for."""


def make_environment(directory: Path) -> Path:
    """Installs the peers, unless that is done already; returns their Python."""
    python = directory / "bin" / "python"
    done = directory / "requirements.sha256"
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    if not done.exists() or done.read_text() != digest:
        print(f"Installing the peers into {directory}")
        if not python.exists():
            venv.create(directory, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "-r", str(_REQUIREMENTS)]
        subprocess.run([str(python), *install], check=True)
        done.write_text(digest)
    return python


def busy_seconds() -> float:
    """What all cores have been busy since the start of the machine; 0 if unknown."""
    counters = Path("/proc/stat")
    if not counters.exists():
        return 0.0
    fields = counters.read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, *interrupts = map(int, fields[:7])
    ticks = user + nice + system + sum(interrupts)
    return ticks / os.sysconf("SC_CLK_TCK")


def limit_cores() -> None:
    """Keeps this process, and those it starts, on as many cores as threads."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:THREADS]
        os.sched_setaffinity(0, cores)


class Worker:
    """The process of one library.

    Args:
        library: A module of `benchmarks.peers.libraries`.
        python: The interpreter that has it.
    """

    def __init__(self, library: str, python: str) -> None:
        self._library = library
        self._command = [python, "-m", "benchmarks.peers.serve", library]
        self._printed = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            text=True,
            cwd=_CHECKOUT,
            env={
                **os.environ,
                "CUDA_VISIBLE_DEVICES": "-1",
                "OMP_NUM_THREADS": str(THREADS),
                # Threads of PyTorch that wait by spinning are slower by far where the
                # machine has anything else to do.
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        )

    def ask(self, command: str, **arguments: object) -> dict:
        """The answer to a request, when it is there.

        Raises:
            WorkerError: If the library failed, or its process ended.
        """
        request = json.dumps({"command": command, **arguments})
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            status = self._process.wait()
            self._printed.seek(0)
            last = "".join(self._printed.readlines()[-_LAST_LINES:])
            raise WorkerError(
                f"The process of {self._library} ended with status {status}. The last "
                f"that it printed:\n{last}To start it by hand: "
                f"{shlex.join(self._command)}"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self._library} failed:\n{answer['error']}")
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()  # Unlike a plain close, it may have ended before.
        self._printed.close()


class Pool:
    """Workers, started when they are first needed.

    Args:
        python: The interpreter of the peers.
    """

    def __init__(self, python: Path) -> None:
        self._python = python
        self._workers: dict[str, Worker] = {}
        self.versions: dict[str, str] = {}

    def ask(self, library: str, command: str, **arguments: object) -> dict:
        """The answer of the library's worker."""
        if library not in self._workers:
            python = sys.executable if library in _AT_HOME else str(self._python)
            self._workers[library] = Worker(library, python)
            self.versions.update(self._workers[library].ask("versions"))
        return self._workers[library].ask(command, **arguments)

    def prepare(self, library: str, mode: str, case: Case) -> int:
        """Makes a case ready; the number of trainable parameters."""
        fields = dataclasses.asdict(case)
        return self.ask(library, "prepare", mode=mode, case=fields)["parameters"]

    def time(self, library: str, mode: str, times: int = 1) -> Turn:
        """Does what was made ready."""
        busy = busy_seconds()
        turn = self.ask(library, "run", mode=mode, times=times)
        elsewhere = busy_seconds() - busy - turn["cpu_seconds"]
        return Turn(
            seconds=turn["seconds"] / turn["units"],
            cpu_seconds=turn["cpu_seconds"] / turn["units"],
            whole=turn["seconds"],
            elsewhere=max(0.0, elsewhere / (turn["seconds"] * os.cpu_count())),
        )

    def release(self) -> None:
        """Lets all workers forget what they made ready."""
        for worker in self._workers.values():
            worker.ask("release")

    def close(self) -> None:
        """Ends all processes."""
        for worker in self._workers.values():
            worker.close()
