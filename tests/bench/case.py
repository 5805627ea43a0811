"""What a case of the benchmark is: it measures on servers, round by round, and records figures."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from tests.bench.figures import Spread, shown
from tests.bench.servers import Servers

W = TypeVar("W")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured: so many rounds; little of it (``quick``), or also what takes long (``full``)."""

    rounds: int = 5
    quick: bool = False
    full: bool = False

    def size(self, whole: int, quick: int) -> int:
        """Return the number of commands, or of whatever a case counts, for this run."""
        return quick if self.quick else whole

    def turns(self, *ways: W) -> Iterator[W]:
        """Give each way once a round: what is compared takes turns, and the first one is another each round."""
        for number in range(self.rounds):
            yield from ways if number % 2 == 0 else reversed(ways)


@dataclass(frozen=True)
class Comparison:
    """One figure beside another of the same run: a ratio of medians, or their difference.

    ``asked``: the bound that the project has set itself, in words.
    """

    left: str
    right: str
    asked: str = ""
    kind: Literal["ratio", "difference"] = "ratio"

    @property
    def name(self) -> str:
        return f"{self.left} {'/' if self.kind == 'ratio' else 'less'} {self.right}"

    def of(self, left: list[float], right: list[float]) -> Spread:
        """Return the comparison of the medians; low and high are those of the single rounds."""
        rounds = Spread.of([self._one(a, b) for a, b in zip(left, right, strict=True)])
        median = self._one(Spread.of(left).median, Spread.of(right).median)
        return Spread(median, min(median, rounds.low), max(median, rounds.high))

    def _one(self, left: float, right: float) -> float:
        return left / right if self.kind == "ratio" else left - right


@dataclass(frozen=True)
class Curve:
    """The picture of a case that measures at several places: the names of the axes.

    ``is_log``: whether the vertical axis is logarithmic; the horizontal one always is.
    """

    x: str
    y: str
    is_log: bool = False


@dataclass
class Record:
    """The figures of one case.

    ``points``: by metric and place on the curve (None for a case without one), a figure for each round.
    """

    case: str
    units: Mapping[str, str]
    say: Say
    points: dict[str, dict[float | None, list[float]]] = field(default_factory=dict)

    def add(self, figures: Mapping[str, float], at: float | None = None) -> None:
        """Keep what one round has measured, and say so in one line of progress."""
        number = 0
        for metric, value in figures.items():
            rounds = self.points.setdefault(metric, {}).setdefault(at, [])
            rounds.append(value)
            number = len(rounds)
        place = "" if at is None else f" at {at:,g}"
        texts = [f"{metric} {shown(value)} {self.units[metric]}" for metric, value in figures.items()]
        self.say(f"  {self.case}{place}, round {number}: {', '.join(texts)}")


@dataclass(frozen=True)
class Case:
    """One case. ``units``: the unit of each metric that ``run`` records."""

    name: str
    title: str
    units: Mapping[str, str]
    run: Callable[[Servers, Plan, Record], None]
    comparisons: tuple[Comparison, ...] = ()
    curve: Curve | None = None
