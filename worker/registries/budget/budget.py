"""The budget of each registry: its pace, its slots, its cooldown and its circuit, shared by all workers in
Redis.

A budget group (of ``ImageRef``) has as many slots as images may be read at once; who holds one reads
images one after the other, and takes every request from the group's even pace. A registry that asks to be
left alone cools down, at half its rate when it is asked again, which recovers within an hour. One that is not
reached five times in a row is left alone too, until one probe reaches it. The state is in
``plugin.registries:{group}`` and ``plugin.registries:{group}:slots``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, cast

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from worker.domain.image import FetchFailed
from worker.registries.budget.limit import Limit
from worker.registries.budget.limits import Limits

PREFIX = "plugin.registries:"
SLOT_S = 120.0
MAX_WAIT_S = 10.0

Refusal = Literal["cooldown", "circuit_open", "busy", "pace"]
Admission = Literal["granted", "probe", "cooldown", "circuit_open", "busy"]

_MICRO = 1_000_000
_ANY = Limit(1.0, 1)


class BudgetUnavailable(Unavailable):
    """Raised when the Redis of the budgets does not answer: nothing is asked of any registry meanwhile."""

    code = "STORE_UNAVAILABLE"


class LeftAlone(FetchFailed):
    """Raised when it is our own budget that keeps a request from going out, and no registry has been asked.

    ``refusal`` says why; ``retry_after`` is in seconds.
    """

    def __init__(self, refusal: Refusal, retry_after: float) -> None:
        super().__init__("throttled", retry_after, detail=f"the host's budget: {refusal}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Status:
    """A group's budget now. ``rate`` and ``at_once`` are the present ones, in requests a second and images;
    times are seconds from now, 0: not so. ``unreached``: it is left alone until a probe reaches it.
    """

    rate: float
    full_rate: float
    at_once: int
    in_use: int
    cooldown_s: float
    circuit_open_s: float
    unreachable_in_row: int
    unreached: bool


class Budget:
    """The budgets of all groups.

    ``client`` is a redis-py client. ``clock`` gives seconds since the epoch; None: Redis's own clock, so that
    workers need not agree on the time. ``slot_s`` is how long a slot lasts without a request, ``max_wait_s``
    how long one may wait to go out; at a rate that is slow for that, fewer images are read at once.
    """

    def __init__(
        self,
        client: Any,
        limits: Limits,
        *,
        clock: Callable[[], float] | None = None,
        slot_s: float = SLOT_S,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._redis = client
        self._limits = limits
        self._clock = clock
        self._slot_s = slot_s
        self._max_wait_s = max_wait_s
        self._script = client.register_script(
            files("worker.registries.budget").joinpath("budget.lua").read_text()
        )

    def limit(self, group: str, registry_type: str) -> Limit:
        """The full limit of a group."""
        return self._limits.of(group, registry_type)

    def slot(self, group: str, registry_type: str, token: str) -> "Slot":
        """A slot of ``group`` under ``token``, not reserved yet; ``registry_type`` is that of one of its
        images.
        """
        limit = self._limits.of(group, registry_type)
        return Slot(lambda operation, argument: self._run(group, limit, operation, token, argument))

    def release(self, group: str, token: str) -> None:
        """Give the slot that ``token`` holds back."""
        self._run(group, _ANY, "release", token, None)

    def status(self, group: str, registry_type: str) -> Status:
        """How a group stands, for people."""
        limit = self._limits.of(group, registry_type)
        factor, at_once, in_use, cooldown, circuit_open, failures, tripped = self._call(
            group, limit, "status", "", None
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

    def _run(
        self, group: str, limit: Limit, operation: str, token: str, argument: float | None
    ) -> tuple[str, float]:
        outcome, wait = self._call(group, limit, operation, token, argument)
        return outcome.decode(), int(wait) / _MICRO

    def _call(self, group: str, limit: Limit, operation: str, token: str, argument: float | None) -> Any:
        key = PREFIX + group
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

    def __init__(self, run: Callable[[str, float | None], tuple[str, float]]) -> None:
        self._run = run

    def reserve(self) -> Admission:
        """``granted``; ``probe``: granted for one image only; or why not."""
        outcome, _ = self._run("reserve", None)
        return cast(Admission, outcome)

    def take(self) -> float:
        """Take the next request of the group: the seconds to wait before it goes out, ``max_wait_s`` at most.

        Keeps the slot for another while. Raises ``LeftAlone``.
        """
        outcome, wait_s = self._run("take", None)
        if outcome != "go":
            raise LeftAlone(cast(Refusal, outcome), wait_s)
        return wait_s

    def listed(self) -> None:
        """The registry gave a list."""
        self._run("ok", None)

    def failed(self, failure: FetchFailed) -> float | None:
        """The registry gave no list; for how many seconds it is left alone, None: it did not ask for that.

        What our own budget or guard refused says nothing about it.
        """
        if isinstance(failure, LeftAlone) or failure.reason == "refused":
            return None
        if failure.reason == "throttled":
            _, wait_s = self._run("throttled", failure.retry_after)
            return wait_s
        self._run("unreachable" if failure.unreachable else "answered", None)
        return None
