"""A server away again and again: `python -m tests.system.outages --rounds 10 --away-s 60 --form silent`.

In each round one process of each kind is told to end, is started again while it is away, and told to end once
more. All others must stay healthy. Ends with status 1 if anything was wrong.
"""

import argparse
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from tests.support.servers import start_mongod, start_redis, wait_until
from tests.support.silence import SilentHost
from tests.system.outage_stand import Caller, Form, Load, Member, Stand, Watch, seconds_until

GRACE_S = 15.0
BACK_S: dict[Form, float] = {"killed": 2.0, "silent": 6.0, "stopped": 6.0, "mongodb": 6.0}
"""How long after its return work goes on, in seconds."""

_REST_S = 60.0
_LOAD = 50
"""Elements that are sent before each outage."""


@dataclass
class Round:
    """How one outage went; times in seconds."""

    number: int
    ends: dict[str, float] = field(default_factory=dict)
    ill: dict[str, str] = field(default_factory=dict)
    event_s: float = math.inf
    write_s: float = math.inf
    read_s: float = math.inf
    sent: int = 0
    ledger: dict[str, int] = field(default_factory=dict)
    problems: str = ""

    def faults(self, form: Form) -> list[str]:
        """What was promised and was not so."""
        back = BACK_S[form]
        found = [
            f"{what} took {took:.1f} s"
            for what, took in (("an event", self.event_s), ("a write", self.write_s), ("a read", self.read_s))
            if took > back
        ]
        found += [f"{name} took {took:.1f} s to end" for name, took in self.ends.items() if took > GRACE_S]
        found += self.ill.values()
        return found + ([self.problems] if self.problems else [])

    def line(self) -> str:
        slowest = max(self.ends, key=lambda name: self.ends[name])
        return (
            f"round {self.number}: event {self.event_s:.2f} s, write {self.write_s:.2f} s, "
            f"read {self.read_s:.2f} s after the return; {len(self.ends)} ends, the slowest {slowest} "
            f"{self.ends[slowest]:.1f} s; {len(self.ill)} ill; {self.sent} elements; "
            + ", ".join(f"{kind} {count}" for kind, count in self.ledger.items() if count)
        )


def end(member: Member, watch: Watch) -> float:
    """Tell a process to end, and start it again; how long it took to end."""
    with watch.ending(member):
        begun = time.monotonic()
        member.child.terminate()
        try:
            member.child.wait(2 * GRACE_S)
        except subprocess.TimeoutExpired:
            member.child.kill()
        took = time.monotonic() - begun
        member.begin_again()
    return took


def outage(stand: Stand, load: Load, number: int, away_s: float, rng: random.Random) -> Round:
    """One outage, from its begin to rest."""
    before = load.sent
    found, ended = Round(number), stand.members[rng.randrange(2) :: 2]
    wait_until(lambda: load.sent >= before + _LOAD, 60, "the load")
    callers = [Caller(stand.redis_url, operation) for operation in ("update", "get")]
    watch = Watch(stand.members)
    watch.start()
    stand.go_away(number)
    back_at = time.monotonic() + away_s
    with ThreadPoolExecutor(len(ended)) as ending:
        for turn, at in enumerate((0.25, 0.75)):
            time.sleep(
                max(0.0, back_at - away_s * (1 - at) + rng.uniform(-0.1, 0.1) * away_s - time.monotonic())
            )
            for member, took in zip(ended, ending.map(lambda each: end(each, watch), ended), strict=True):
                found.ends[f"{member.name}, time {turn + 1}"] = took
    time.sleep(max(0.0, back_at - time.monotonic()))
    last = stand.last_event() if stand.form in ("silent", "mongodb") else b""
    stand.come_back()
    for caller in callers:
        caller.start()
    last = last or stand.last_event()
    found.event_s = seconds_until(lambda: stand.last_event() != last, _REST_S)
    for caller in callers:
        caller.join()
    found.write_s, found.read_s = (caller.took_s for caller in callers)
    for member in stand.members:
        member.ready()
    watch.stop()
    found.ill, found.sent = watch.ill, load.sent
    return found


def run(folder: Path, form: Form, rounds: int, away_s: float, seed: int, pause_s: float = 0.1) -> list[Round]:
    """Outages of one deployment, one after the other; each is told as it ends."""
    rng, found = random.Random(seed), []
    redis = start_redis(folder / "redis", appendfsync="always", maxmemory="2gb")
    mongo = start_mongod(folder / "mongo")
    with SilentHost(redis.port) as host:
        stand = Stand(redis, mongo, host, form, folder)
        load = Load(redis.url, seed, pause_s)
        try:
            for member in stand.members:
                member.ready()
            load.start()
            for number in range(rounds):
                found.append(outage(stand, load, number, away_s, rng))
                sys.stdout.write(f"{form}: {found[-1].line()}\n")
                sys.stdout.flush()
            load.stop()
            after = stand.inspect(load.traffic.model, _REST_S)
            found[-1].ledger = after.counts()
            found[-1].problems = "; ".join(
                f"{kind} {len(texts)}: {texts[:3]}" for kind, texts in after.problems.items() if texts
            )
        finally:
            stand.close()
            redis.kill()
            mongo.kill()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--away-s", type=float, default=60.0)
    parser.add_argument("--form", choices=get_args(Form), default="silent")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--keep", type=Path, help="an empty folder to keep all logs and data in")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="outages-") as temporary:
        rounds = run(given.keep or Path(temporary), given.form, given.rounds, given.away_s, given.seed)
    faults = [f"round {each.number}: {fault}" for each in rounds for fault in each.faults(given.form)]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.stdout.write(
        f"{given.form}, seed {given.seed}: {len(rounds)} outages of {given.away_s:g} s, {rounds[-1].sent} elements "
        f"sent, {len(faults)} faults\n"
    )
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
