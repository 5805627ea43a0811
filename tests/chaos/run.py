"""One chaos run: `python -m tests.chaos.run --commands 2000 --kills 15 [--seed N] [--stock]`.

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

PARTITIONS = 4
BACKLOG = 150


@dataclass(frozen=True)
class Report:
    """How one run went."""

    transport: str
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
            f"{self.transport}: seed {self.seed}, {self.commands} commands in {self.elements} messages, "
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
        assert len(by_deadly) <= 5 * self.deadly
        assert by_deadly == self.tally.ended_by_themselves, "no message and no outage ends a worker"
        assert not self.tally.forced, "a worker did not end within 60 s of SIGTERM"
        assert self.drained


def run(
    folder: Path,
    seed: int,
    commands: int,
    kills: int,
    *,
    stock: bool = False,
    deadly: int = 0,
    limit_s: float = 150,
) -> Report:
    """One run, ended after `limit_s` at the latest, whatever is left by then."""
    started = time.monotonic()
    until = started + limit_s
    # What is left after that is for the deployment to come to rest.
    busy_until = until - max(45, 0.1 * limit_s)
    traffic = Traffic(seed, PARTITIONS, deadly=0 if stock else deadly, crash_loops=not stock)
    world = World(folder, seed, partitions=PARTITIONS, stock=stock, app="tests.chaos.app")
    try:
        sent = elements = poison = 0
        injurer = Injurer(world, kills, lambda: sent / commands, busy_until)
        injurer.start()
        while sent < commands and time.monotonic() < busy_until and not injurer.fault:
            element = traffic.next()
            tries = world.push(element.queue, element.raw)
            if element.poison and tries > 1:
                traffic.model.doubtful[element.raw] += tries - 1
            sent += element.commands
            elements += 1
            poison += element.poison
            _pace(world, injurer, sent / commands, kills, busy_until)
        injurer.finish()
        drained = _drain(world, until, stock)
        found = aftermath.inspect(traffic.model, world.redis, world.database, world.queues)
        seconds = time.monotonic() - started
        name = "stock transport" if stock else "lossless transport"
        return Report(name, seed, sent, elements, poison, world.tally, found, seconds, drained, deadly)
    finally:
        world.close()


def _pace(world: World, injurer: Injurer, progress: float, kills: int, until: float) -> None:
    """Send neither far ahead of the injuries, nor more than the workers can keep up with."""
    while time.monotonic() < until and not injurer.fault:
        if progress - injurer.done <= 0.5 / max(kills, 1) and world.backlog() < BACKLOG:
            return
        time.sleep(0.02)


def _drain(world: World, until: float, stock: bool) -> bool:
    """Wait until nothing is left to do; False when time is up, or nothing moves for 100 s.

    Stock workers that have stopped consuming, as they do, are started anew once.
    """
    moved, last, anew = time.monotonic(), "", stock
    while time.monotonic() < until:
        world.heal()
        with suppress(RedisError):
            left = aftermath.leftovers(world.redis, world.database, world.queues)
            if stock and world.redis.hlen("unacked"):
                left.append(f"unacked: {world.redis.hlen('unacked')}")
            if not left:
                return True
            if str(left) != last:
                moved, last = time.monotonic(), str(left)
        if anew and time.monotonic() - moved > 20:
            anew = False
            world.restart_workers()
        if time.monotonic() - moved > 100:
            return False
        time.sleep(0.2)
    return False


def main() -> int:
    """The command line; its status is 1 when the lossless transport did anything wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--commands", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--deadly", type=int, default=0, help="messages that kill their worker five times")
    parser.add_argument("--limit-s", type=float, default=150)
    parser.add_argument("--stock", action="store_true", help="the stock transport too, with the same seed")
    parser.add_argument("--only-stock", action="store_true")
    parser.add_argument("--keep", type=Path, help="an empty folder to keep all logs and data in")
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        for stock in [False] * (not given.only_stock) + [True] * (given.stock or given.only_stock):
            folder = (given.keep or Path(temporary)) / ("stock" if stock else "lossless")
            report = run(
                folder,
                given.seed,
                given.commands,
                given.kills,
                stock=stock,
                deadly=given.deadly,
                limit_s=given.limit_s,
            )
            sys.stdout.write("\n".join(report.lines()) + "\n")
            for kind, texts in report.found.problems.items():
                sys.stdout.writelines(f"    {kind}: {text}\n" for text in texts[:5])
            try:
                report.assert_clean()
            except AssertionError:
                failed = failed or not stock
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
