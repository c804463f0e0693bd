"""Taking times: contestants take turns, so that all see the same machine."""

import dataclasses
import statistics
from collections.abc import Sequence

from benchmarks.peers.cases import Case, Contestant
from benchmarks.peers.workers import Pool, Turn


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: Turns of each contestant.
        turn: Seconds of a turn, at least one run.
        slow: Seconds of a run from which on two turns must do, the first run included.
    """

    rounds: int = 7
    turn: float = 0.5
    slow: float = 5.0


@dataclasses.dataclass
class Result:
    """What one contestant did.

    Attributes:
        parameters: Trainable numbers of its model.
        seconds: A step or call, one number a turn.
        cpu_seconds: The same, summed over threads.
        elsewhere: Share of the machine that other processes had during each turn.
    """

    parameters: int
    seconds: list[float] = dataclasses.field(default_factory=list)
    cpu_seconds: list[float] = dataclasses.field(default_factory=list)
    elsewhere: list[float] = dataclasses.field(default_factory=list)

    def add(self, turn: Turn) -> None:
        """Notes a turn."""
        self.seconds.append(turn.seconds)
        self.cpu_seconds.append(turn.cpu_seconds)
        self.elsewhere.append(turn.elsewhere)

    @property
    def median(self) -> float:
        """Of the turns, by the clock."""
        return statistics.median(self.seconds)


def measure(
    pool: Pool, case: Case, contestants: Sequence[Contestant], effort: Effort
) -> dict[str, Result]:
    """The results by name of contestant."""
    contestants = [c for c in contestants if case.work in c.works]
    results, runs, turns = {}, {}, {}
    for contestant in contestants:
        library, mode = contestant.library, contestant.mode
        parameters = pool.prepare(library, mode, case)
        first = pool.time(library, mode)
        slow = first.whole >= effort.slow
        results[contestant.name] = Result(parameters)
        if slow:  # A first run is slower than others, but not where it takes this long.
            results[contestant.name].add(first)
        turns[contestant.name] = 1 if slow else effort.rounds
        runs[contestant.name] = max(1, round(effort.turn / first.whole))
    for turn in range(effort.rounds):
        for contestant in contestants:
            name = contestant.name
            if turn < turns[name]:
                results[name].add(
                    pool.time(contestant.library, contestant.mode, times=runs[name])
                )
    pool.release()
    return results
