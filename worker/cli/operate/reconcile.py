"""`plugins events reconcile`: repair events after MongoDB was restored from a backup."""

import sys
from dataclasses import asdict

import click

from worker.cli.caller import json_option, print_json
from worker.cli.operate.connection import connected
from worker.events.reconcile import Ahead, Repaired
from worker.terminal import say


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@json_option
def reconcile(dry_run: bool, as_json: bool) -> None:
    """Repair events after MongoDB was restored from a backup: the event stream is then ahead of the store.

    A subject whose events have a higher revision than the store gets a revision above theirs, and one event
    with its present state, marked as a gap. Events in its outbox become part of that event. If the store does
    not know a subject at all, its revisions stay reserved: when it is registered again, it continues above
    them. Workers may run in the meantime. Exit status 1 if a subject could not be repaired.
    """
    with connected(as_json) as services:
        work = services.reconcile()
        if dry_run:
            found = list(work.find())
            if as_json:
                print_json({"ahead": [asdict(ahead) for ahead in found]})
            else:
                for ahead in found:
                    say(f"would {_described(ahead)}")
                say(f"{len(found)} subject(s) are behind their events; nothing was changed")
            return
        done = list(work.repair())
    left = [repaired for repaired in done if repaired.revision is None]
    if as_json:
        print_json({"repaired": [_row(r) for r in done if r.revision], "left": [_row(r) for r in left]})
    else:
        for repaired in done:
            result = "FAILED" if repaired.revision is None else f"now at {repaired.revision}"
            say(f"{_described(repaired.ahead)}: {result}")
        say(f"{len(done) - len(left)} subject(s) repaired, {len(left)} left")
    sys.exit(1 if left else 0)


def _described(ahead: Ahead) -> str:
    known = f"at {ahead.store}" if ahead.store else "unknown"
    return f"{ahead.what} {ahead.subject} ({known} in the store, at {ahead.stream} on the stream)"


def _row(repaired: Repaired) -> dict[str, object]:
    return asdict(repaired.ahead) | {"revision": repaired.revision}
