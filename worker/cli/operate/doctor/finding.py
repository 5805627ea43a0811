"""A finding, and a check that makes some."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from contracts.errors import ContractError
from worker.services import Services
from worker.tasks.outages import outage_of

Level = Literal["ok", "warn", "fail"]
Server = Literal["broker", "results", "events", "store"]

UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    ``check``: the stable name of the kind of finding. ``subject``: a queue, a server or the like.
    ``advice``: what to do; empty if nothing is to be done. ``details``: numbers for JSON.
    """

    check: str
    level: Level
    subject: str
    text: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON; what is empty is absent."""
        return {name: value for name, value in asdict(self).items() if value not in ("", {})}


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the doctor's table.

    ``name``: the subject of the finding if the check itself fails. ``inspect``: makes the findings.
    ``needs``: the servers without which it is left out. ``thorough``: it reads every subject; ``--quick``
    leaves it out.
    """

    name: str
    inspect: Callable[[Services], Iterable[Finding]]
    needs: tuple[Server, ...] = ()
    thorough: bool = False

    def findings(self, services: Services) -> Iterator[Finding]:
        """Yield the findings. A check that fails is one: the other checks are needed all the more."""
        try:
            yield from self.inspect(services)
        except ContractError as outage:
            told = outage_of(outage)
            advice = told.advice or "check that it runs, and that its URL in PLUGINS_* is right"
            yield Finding(UNREACHABLE, "fail", self.name, told.text, advice, {"state": told.state})
        except Exception as error:  # noqa: BLE001
            text = f"the check failed: {type(error).__name__}: {error}"
            advice = "this is a bug, or the server gave an unexpected answer"
            yield Finding(self.name, "fail", self.name, text, advice)


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago ``moment`` was, for people."""
    seconds = max(0.0, (now - moment).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
