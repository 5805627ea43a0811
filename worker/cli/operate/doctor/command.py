"""`plugins doctor`: how a deployment stands, and what to do about it."""

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

import click

from contracts._redis.connect import open_redis
from worker.cli.caller import print_json
from worker.cli.operate.connection import connected
from worker.cli.operate.doctor.events import check_ahead, check_behind, check_outboxes, check_sweeper
from worker.cli.operate.doctor.finding import Check, Finding, Server, examine
from worker.cli.operate.doctor.queues import check_dead_letters, check_partitions, check_queues, check_strays
from worker.cli.operate.doctor.schedule import check_heartbeats, check_managed, check_versions
from worker.cli.operate.doctor.servers import check_mongodb, check_redis
from worker.cli.render import plain
from worker.domain.subjects import Subjects
from worker.process.broker import Broker
from worker.process.heartbeat import folder
from worker.services import Services
from worker.store.image_queue import ImageQueue
from worker.store.images import Images
from worker.store.inspect import outboxes

_MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quick", is_flag=True, help="Leave out what reads every subject: streams ahead and behind.")
def doctor(as_json: bool, quick: bool) -> None:
    """Look at servers, queues, leases, dead letters, events and schedule. Nothing is changed.

    Each finding is ok, warn or FAIL, with what to do. Status 1 when one fails.
    """
    with connected(as_json) as services:
        findings = []
        for finding in examine(_reach(services), _checks(services, quick)):
            findings.append(finding)
            if not as_json:
                _tell(finding)
    worst = {level: sum(f.level == level for f in findings) for level in _MARKS}
    if as_json:
        print_json({"findings": [finding.as_dict() for finding in findings], **worst})
    else:
        click.echo(", ".join(f"{count} {level}" for level, count in worst.items()))
    sys.exit(1 if worst["fail"] else 0)


def _tell(finding: Finding) -> None:
    word, colour = _MARKS[finding.level]
    click.echo(f"{click.style(word, fg=colour)}  {plain(f'{finding.subject}: {finding.text}')}")
    if finding.advice:
        click.echo(f"      {finding.advice}")


def _reach(services: Services) -> Iterable[tuple[Iterable[Server], Check]]:
    """The checks that tell whether each server answers; a Redis of several uses is asked once."""
    given = services.settings
    urls: list[tuple[Server, str]] = [
        ("broker", given.broker),
        ("results", given.results),
        ("events", given.events),
    ]
    uses: dict[str, list[Server]] = {}
    for use, url in urls:
        uses.setdefault(url, []).append(use)
    for url, served in uses.items():
        yield served, _check(f"redis ({', '.join(served)})", partial(_redis, url, served))
    yield ["store"], _check("mongodb", lambda: check_mongodb(services.database))


def _redis(url: str, uses: list[Server]) -> list[Finding]:
    with open_redis(url) as client:
        return list(check_redis(client, uses))


def _checks(services: Services, quick: bool) -> Iterable[Check]:
    broker, wanted = Broker(services.broker), services.settings.command_partitions
    reconcile, publisher = services.reconcile(), services.publisher
    database, queue = services.database, ImageQueue(services.database)
    sources: list[Subjects] = [services.plugins, Images(database)]
    yield _check("partitions", lambda: check_partitions(broker, wanted), "broker")
    yield _check("queues", lambda: check_queues(broker, wanted), "broker")
    yield _check("strays", lambda: check_strays(broker, wanted), "broker")
    yield _check("dead letters", lambda: check_dead_letters(services.dead_letters.counts()), "store")
    yield _check("outboxes", lambda: check_outboxes(outboxes(database)), "store")
    yield _check("sweep", lambda: check_sweeper(services.redis), "events")
    if not quick:
        yield _check("streams ahead", lambda: check_ahead(reconcile), "events", "store")
        yield _check("streams behind", lambda: check_behind(sources, publisher), "events", "store")
    yield _check("versions", lambda: check_versions(queue.counts(datetime.now(UTC))), "store")
    yield _check("managed", lambda: check_managed(services.managed_faults()))
    yield _check("heartbeat", lambda: check_heartbeats(folder(services.settings.heartbeat_dir)))


def _check(name: str, run: Callable[[], Iterable[Finding]], *needs: Server) -> Check:
    return Check(name, frozenset(needs), run)
