"""One chaos run: `python -m tests.chaos.run --commands 2000 --kills 15 [--seed N] [--groups mixed]`.

Everything that was sent is in a ledger of its own; at the end the deployment is compared with it.
"""

import argparse
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from redis import RedisError

from tests.chaos.traffic import Traffic
from tests.chaos.world import Injurer, Tally, World
from tests.support import aftermath
from worker.transport.options import DEFAULT_MAX_DEATHS as MAX_DEATHS

PARTITIONS = 4
BACKLOG, LARGE_BACKLOG = 150, 1500
GROUPS = {"small": (1, 2, 3), "large": (256, 1000), "mixed": (1, 2, 5, 20, 256)}
"""How many messages a group may have, by name: each start of a worker takes one of them."""


@dataclass(frozen=True)
class Report:
    """How one run went."""

    groups: str
    seed: int
    commands: int
    elements: int
    poison: int
    tally: Tally
    found: aftermath.Aftermath
    seconds: float
    drained: bool
    deadly: int

    def lines(self) -> list[str]:
        injuries = ", ".join(f"{name} {count}" for name, count in sorted(self.tally.injuries.items()))
        ended = self.tally.ended_by_themselves
        return [
            f"groups {self.groups}: seed {self.seed}, {self.commands} commands in {self.elements} messages, "
            f"{self.poison} poison, {self.tally.kills} kills, {self.found.events} events, "
            f"{self.seconds:.0f} s, {'drained' if self.drained else 'NOT drained'}",
            f"  {injuries}; forced ends {self.tally.forced}, workers that ended by themselves {len(ended)}",
            "  " + ", ".join(f"{kind} {count}" for kind, count in self.found.counts().items()),
        ]

    def assert_clean(self) -> None:
        """Raises AssertionError with the summary and a few of each kind of problem."""
        try:
            self.found.assert_clean()
        except AssertionError as problems:
            raise AssertionError("\n".join([*self.lines(), str(problems)])) from None
        by_deadly = [end for end in self.tally.ended_by_themselves if end.endswith(": -9")]
        # Each kills once in company, and then alone until it is parked.
        assert len(by_deadly) <= (1 + MAX_DEATHS) * self.deadly
        assert by_deadly == self.tally.ended_by_themselves, "no message and no outage ends a worker"
        assert not self.tally.forced, "a worker did not end within 60 s of SIGTERM"
        assert self.drained


def run(
    folder: Path,
    seed: int,
    commands: int,
    kills: int,
    *,
    deadly: int = 0,
    limit_s: float = 150,
    groups: str = "mixed",
) -> Report:
    """One run, ended after `limit_s` at the latest, whatever is left by then.

    `groups`: how large they may be: a number, or one of `GROUPS`.
    """
    started = time.monotonic()
    until = started + limit_s
    # What is left after that is for the deployment to come to rest.
    busy_until = until - max(45, 0.1 * limit_s)
    traffic = Traffic(seed, PARTITIONS, deadly=deadly)
    world = World(folder, seed, partitions=PARTITIONS, group_sizes=group_sizes(groups), app="tests.chaos.app")
    try:
        sent = elements = poison = 0
        injurer = Injurer(world, kills, lambda: sent / commands, busy_until)
        injurer.start()
        # Large groups need something to take.
        backlog = LARGE_BACKLOG if groups == "large" else BACKLOG
        while sent < commands and time.monotonic() < busy_until and not injurer.fault:
            element = traffic.next()
            tries = world.push(element.queue, element.raw)
            if element.poison and tries > 1:
                traffic.model.doubtful[element.raw] += tries - 1
            sent += element.commands
            elements += 1
            poison += element.poison
            _pace(world, injurer, sent / commands, kills, busy_until, backlog)
        while injurer.done < 1 and time.monotonic() < busy_until and not injurer.fault:
            time.sleep(0.02)
        injurer.finish()
        drained = _drain(world, until)
        found = aftermath.inspect(traffic.model, world.redis, world.database, world.queues)
        seconds = time.monotonic() - started
        return Report(groups, seed, sent, elements, poison, world.tally, found, seconds, drained, deadly)
    finally:
        world.close()


def _pace(world: World, injurer: Injurer, progress: float, kills: int, until: float, backlog: int) -> None:
    """Send neither far ahead of the injuries, nor more than the workers can keep up with."""
    # So much of what is sent goes before the injury that belongs to it.
    ahead = max(0.5 / max(kills, 1), backlog / 20_000)
    while time.monotonic() < until and not injurer.fault:
        if progress - injurer.done <= ahead and world.backlog() < backlog:
            return
        time.sleep(0.02)


def group_sizes(groups: str) -> tuple[int, ...]:
    """The sizes that workers are started with."""
    return (int(groups),) if groups.isdecimal() else GROUPS[groups]


def _drain(world: World, until: float) -> bool:
    """Wait until nothing is left to do; False when time is up, or nothing moves for 100 s."""
    moved, last = time.monotonic(), ""
    while time.monotonic() < until:
        world.heal()
        with suppress(RedisError):
            left = aftermath.leftovers(world.redis, world.database, world.queues)
            if not left:
                return True
            if str(left) != last:
                moved, last = time.monotonic(), str(left)
        if time.monotonic() - moved > 100:
            return False
        time.sleep(0.2)
    return False


def main() -> int:
    """The command line; its status is 1 when anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--commands", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--deadly", type=int, default=0, help="messages that kill their worker five times")
    parser.add_argument("--limit-s", type=float, default=150)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--group-max", type=int, help="the most messages in a group")
    sizes.add_argument("--groups", choices=GROUPS, default="mixed", help="mixed: each start of a worker anew")
    parser.add_argument("--keep", type=Path, help="an empty folder to keep all logs and data in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        report = run(
            given.keep or Path(temporary),
            given.seed,
            given.commands,
            given.kills,
            deadly=given.deadly,
            limit_s=given.limit_s,
            groups=str(given.group_max or given.groups),
        )
    sys.stdout.write("\n".join(report.lines()) + "\n")
    for kind, texts in report.found.problems.items():
        sys.stdout.writelines(f"    {kind}: {text}\n" for text in texts[:5])
    try:
        report.assert_clean()
    except AssertionError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
