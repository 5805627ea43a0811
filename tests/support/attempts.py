"""Deliveries of commands, as they are where nobody else wants the partition."""

from typing import Any

from worker.domain.attempt import Attempt


class OwnLease:
    """A lease that stays; no test that uses it has anything to wait for."""

    def confirm(self) -> bool:
        return True

    def raise_epoch(self, at_least: int) -> int | None:
        return at_least

    def wait(self, seconds: float) -> bool:
        raise AssertionError("something is away")

    def give_up(self) -> None:
        raise AssertionError("something is away")


def attempt(command_id: str, **fields: Any) -> Attempt:
    """The attempt of a command; its lease is this process's own, if none is given."""
    return Attempt(command_id, **{"lease": OwnLease()} | fields)
