"""`plugins doctor`: check the deployment and suggest fixes."""

import sys
from collections.abc import Iterator

import click

from worker.cli.caller import json_option, print_json
from worker.cli.operate.connection import connected
from worker.cli.operate.doctor import dead_letters, events, queues, schedule
from worker.cli.operate.doctor.finding import UNREACHABLE, Check, Finding, Server
from worker.cli.operate.doctor.servers import server_checks
from worker.services import Services
from worker.terminal import Coloured, say

_MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}

# In the order of the findings.
CHECKS: tuple[Check, ...] = (
    Check("partitions", queues.inspect_partitions, needs=("broker",)),
    Check("queues", queues.inspect_queues, needs=("broker",)),
    Check("strays", queues.inspect_strays, needs=("broker",)),
    Check("remote control", queues.inspect_remote_control, needs=("broker",)),
    Check("dead letters", queues.inspect_dead_letters, needs=("store",)),
    Check("room for dead letters", dead_letters.inspect_room, needs=("store",)),
    Check("outboxes", events.inspect_outboxes, needs=("store",)),
    Check("sweep", events.inspect_sweeper, needs=("events",)),
    Check("subscribers", events.inspect_groups, needs=("events",)),
    Check("streams ahead", events.inspect_ahead, needs=("events", "store"), thorough=True),
    Check("streams behind", events.inspect_behind, needs=("events", "store"), thorough=True),
    Check("versions", schedule.inspect_versions, needs=("store",)),
    Check("managed", schedule.inspect_managed),
    Check("heartbeat", schedule.inspect_heartbeats),
)


@click.command()
@json_option
@click.option("--quick", is_flag=True, help="Do not compare the event stream with the store.")
def doctor(as_json: bool, quick: bool) -> None:
    """Check the deployment and suggest fixes. Nothing is changed.

    It checks servers, queues, leases, dead letters, events, image versions and processes. Each finding is ok,
    warn or FAIL, with advice. Exit status 1 if one is FAIL.
    """
    with connected(as_json) as services:
        findings = []
        for finding in _examine(services, quick):
            findings.append(finding)
            if not as_json:
                _write(finding)
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    if as_json:
        print_json({"findings": [finding.as_dict() for finding in findings], **counts})
    else:
        say(", ".join(f"{count} {level}" for level, count in counts.items()))
    sys.exit(1 if counts["fail"] else 0)


def _examine(services: Services, quick: bool) -> Iterator[Finding]:
    """Yield the findings about the servers, then those of the checks whose servers answer."""
    away: set[Server] = set()
    for check in server_checks(services):
        for finding in check.findings(services):
            yield finding
            if finding.check == UNREACHABLE:
                away.update(check.needs)
    for check in CHECKS:
        if not (away.intersection(check.needs) or (quick and check.thorough)):
            yield from check.findings(services)


def _write(finding: Finding) -> None:
    word, colour = _MARKS[finding.level]
    say(Coloured(word, colour), f"  {finding.subject}: {finding.text}")
    if finding.advice:
        say(f"      {finding.advice}")
