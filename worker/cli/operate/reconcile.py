"""`plugins events reconcile`: go on above a stream that is ahead of a restored store."""

import sys
from dataclasses import asdict

import click

from worker.cli.caller import print_json
from worker.cli.operate.connection import connected
from worker.cli.render import plain
from worker.events.reconcile import Ahead, Repaired


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reconcile(dry_run: bool, as_json: bool) -> None:
    """Repair what a MongoDB restored from a backup has left: a stream that is ahead of the store.

    Each subject whose events have gone further than the store knows gets a revision above theirs, and one
    event, marked as a gap, with its present state; what waited in its outbox is part of that. A subject that
    the store does not know at all keeps its revisions used up, so that it goes on above them when it comes
    back. Workers may run meanwhile. Status 1 when something could not be repaired.
    """
    with connected(as_json) as services:
        work = services.reconcile()
        if dry_run:
            found = list(work.find())
            if as_json:
                print_json({"ahead": [asdict(ahead) for ahead in found]})
            else:
                for ahead in found:
                    click.echo(f"would {_told(ahead)}")
                click.echo(f"{len(found)} subject(s) behind their events; nothing was changed")
            return
        done = list(work.repair())
    left = [repaired for repaired in done if repaired.revision is None]
    if as_json:
        print_json({"repaired": [_row(r) for r in done if r.revision], "left": [_row(r) for r in left]})
    else:
        for repaired in done:
            result = "FAILED" if repaired.revision is None else f"now at {repaired.revision}"
            click.echo(f"{_told(repaired.ahead)}: {result}")
        click.echo(f"{len(done) - len(left)} subject(s) repaired, {len(left)} left")
    sys.exit(1 if left else 0)


def _told(ahead: Ahead) -> str:
    known = f"at {ahead.store}" if ahead.store else "unknown"
    return f"{ahead.what} {plain(ahead.subject)} ({known} in the store, at {ahead.stream} on the stream)"


def _row(repaired: Repaired) -> dict[str, object]:
    return asdict(repaired.ahead) | {"revision": repaired.revision}
