"""A finding, and a check that makes some."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from contracts.errors import ContractError

Level = Literal["ok", "warn", "fail"]
Server = Literal["broker", "results", "events", "store"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``check`` is its stable name, ``subject`` what it is about (a queue, a server);
    ``advice`` says what to do, where something is to be done.
    """

    check: str
    level: Level
    subject: str
    text: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON; what is empty is absent."""
        return {name: value for name, value in asdict(self).items() if value not in ("", {})}


@dataclass(frozen=True, slots=True)
class Check:
    """Makes findings; ``needs`` are the servers that have to answer for it."""

    name: str
    needs: frozenset[Server]
    run: Callable[[], Iterable[Finding]]


def examine(reach: Iterable[tuple[Iterable[Server], Check]], checks: Iterable[Check]) -> Iterator[Finding]:
    """Run the checks that ``reach`` the servers, then those whose servers answer."""
    away: set[Server] = set()
    for servers, check in reach:
        for finding in _run(check):
            yield finding
            if finding.check == UNREACHABLE:
                away.update(servers)
    for check in checks:
        if not check.needs & away:
            yield from _run(check)


UNREACHABLE = "unreachable"


def _run(check: Check) -> Iterator[Finding]:
    try:
        yield from check.run()
    except ContractError as outage:
        advice = "see that it runs, and that its URL in PLUGINS_* is right"
        yield Finding(UNREACHABLE, "fail", check.name, outage.message, advice)
    except Exception as fault:  # noqa: BLE001
        # A check that fails is a finding: the others are wanted all the more.
        text = f"the check failed: {type(fault).__name__}: {fault}"
        yield Finding(check.name, "fail", check.name, text, "this is a bug, or a server that answers oddly")


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, for people."""
    seconds = max(0.0, (now - moment).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
