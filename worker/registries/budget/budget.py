"""The budget of each registry: its pace, its slots, its cooldown and its circuit, shared by all workers in
Redis.

A budget group is a group of hosts (``ImageRef.budget_group``). It has as many slots as images may be read
at once. The holder of a slot reads images one after the other, and acquires every request at the even pace
of the group. A registry that asks to be left alone gets a cooldown; afterwards its rate is halved, and
recovers within an hour. A registry that cannot be reached five times in a row is left alone too, until one
probe reaches it. The state is in ``plugin.registries:{budget_group}`` and
``plugin.registries:{budget_group}:slots``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, cast

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from worker.domain.image import FetchFailed, NoAnswer
from worker.registries.budget.table import BudgetTable
from worker.registries.kinds import Limit

PREFIX = "plugin.registries:"
SLOT_S = 120.0
MAX_WAIT_S = 10.0

Refusal = Literal["cooldown", "circuit_open", "busy", "pace"]
Admission = Literal["granted", "probe", "cooldown", "circuit_open", "busy"]

_MICRO = 1_000_000
_ANY = Limit(1.0, 1)


class BudgetUnavailable(Unavailable):
    """Raised when the Redis of the budgets does not answer. No registry is asked meanwhile."""

    code = "STORE_UNAVAILABLE"


class LeftAlone(FetchFailed):
    """Raised when our own budget refuses a request, so that no registry is asked.

    ``refusal``: why. ``retry_after``: seconds.
    """

    def __init__(self, refusal: Refusal, retry_after: float) -> None:
        super().__init__("throttled", retry_after, detail=f"the host's budget: {refusal}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Status:
    """A group's budget now.

    ``rate``, ``full_rate``: requests a second, now and at most. ``at_once``, ``in_use``: slots now, and those
    that are taken. ``cooldown_s``, ``circuit_open_s``: seconds from now; 0: none. ``unreachable_in_row``:
    failures to reach it. ``unreached``: it is left alone until a probe reaches it.
    """

    rate: float
    full_rate: float
    at_once: int
    in_use: int
    cooldown_s: float
    circuit_open_s: float
    unreachable_in_row: int
    unreached: bool

    @property
    def left_alone_s(self) -> float:
        """Return for how many seconds the group is not asked at all."""
        return max(self.cooldown_s, self.circuit_open_s)


class Budget:
    """The budgets of all groups.

    ``client``: a redis-py client. ``table``: the limits. ``clock``: unix time in seconds; None: the clock of
    Redis, so that workers need not agree on the time. ``slot_s``: how long a slot lasts without a request,
    120 s. ``max_wait_s``: how long a request may wait, 10 s; if the rate is too slow for that, fewer images
    are read at once.
    """

    def __init__(
        self,
        client: Any,
        table: BudgetTable,
        *,
        clock: Callable[[], float] | None = None,
        slot_s: float = SLOT_S,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._redis = client
        self._table = table
        self._clock = clock
        self._slot_s = slot_s
        self._max_wait_s = max_wait_s
        self._script = client.register_script(
            files("worker.registries.budget").joinpath("budget.lua").read_text()
        )

    def limit(self, budget_group: str, registry_type: str) -> Limit:
        """Return the full limit of a group."""
        return self._table.of(budget_group, registry_type)

    def slot(self, budget_group: str, registry_type: str, token: str) -> "Slot":
        """Return a slot of a group, not reserved yet.

        ``registry_type``: the type that one of its images names. ``token``: of the holder.
        """
        return Slot(self, budget_group, registry_type, token)

    def release(self, budget_group: str, token: str) -> None:
        """Give back the slot that ``token`` holds."""
        self._call(budget_group, _ANY, "release", token)

    def status(self, budget_group: str, registry_type: str) -> Status:
        """Return the present state of a group, for people."""
        limit = self._table.of(budget_group, registry_type)
        factor, at_once, in_use, cooldown, circuit_open, failures, tripped = self._call(
            budget_group, limit, "status"
        )
        return Status(
            rate=limit.rate * float(factor),
            full_rate=limit.rate,
            at_once=at_once,
            in_use=in_use,
            cooldown_s=cooldown / _MICRO,
            circuit_open_s=circuit_open / _MICRO,
            unreachable_in_row=failures,
            unreached=bool(tripped),
        )

    def run(
        self, budget_group: str, registry_type: str, operation: str, token: str, argument: float | None = None
    ) -> tuple[str, float]:
        """Run an operation of ``budget.lua`` for the holder of ``token``; return outcome and seconds."""
        limit = self._table.of(budget_group, registry_type)
        outcome, wait = self._call(budget_group, limit, operation, token, argument)
        return outcome.decode(), int(wait) / _MICRO

    def _call(
        self,
        budget_group: str,
        limit: Limit,
        operation: str,
        token: str = "",
        argument: float | None = None,
    ) -> Any:
        key = PREFIX + budget_group
        arguments = [
            operation,
            "" if self._clock is None else round(self._clock() * _MICRO),
            token,
            _MICRO / limit.rate,
            limit.at_once,
            round(self._slot_s * _MICRO),
            round(self._max_wait_s * _MICRO),
            "" if argument is None else round(argument * _MICRO),
        ]
        with translate_outage(BudgetUnavailable, "the Redis of the registries' budgets does not answer"):
            return self._script(keys=[key, f"{key}:slots"], args=arguments)


class Slot:
    """The right to read images of one group, one after the other."""

    def __init__(self, budget: Budget, budget_group: str, registry_type: str, token: str) -> None:
        self._budget = budget
        self._budget_group = budget_group
        self._registry_type = registry_type
        self._token = token

    def reserve(self) -> Admission:
        """Ask for the slot: ``granted``, ``probe`` (granted for one image only), or why not."""
        outcome, _ = self._run("reserve")
        return cast(Admission, outcome)

    def acquire(self) -> float:
        """Acquire the next request of the group, and prolong the slot.

        Return the seconds to wait before it goes out, ``max_wait_s`` at most. Raises: ``LeftAlone``.
        """
        outcome, wait_s = self._run("acquire")
        if outcome != "go":
            raise LeftAlone(cast(Refusal, outcome), wait_s)
        return wait_s

    def listed(self) -> None:
        """Record that the registry gave a list."""
        self._run("ok")

    def failed(self, failure: FetchFailed) -> float | None:
        """Record that the registry gave no list. A refusal by our own budget or guard says nothing about it.

        Return the seconds for which it is left alone; None: it did not ask for that.
        """
        if isinstance(failure, LeftAlone) or failure.reason == "not_allowed":
            return None
        if failure.reason == "throttled":
            _, wait_s = self._run("throttled", failure.retry_after)
            return wait_s
        self._run("unreachable" if isinstance(failure, NoAnswer) else "answered")
        return None

    def _run(self, operation: str, argument: float | None = None) -> tuple[str, float]:
        return self._budget.run(self._budget_group, self._registry_type, operation, self._token, argument)
