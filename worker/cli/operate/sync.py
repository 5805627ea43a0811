"""`plugins sync`: show or trigger the synchronisation of image versions with their registries."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from contracts.values import format_time
from worker.cli.caller import fail
from worker.cli.operate.connection import connected
from worker.cli.param_types import Utf8
from worker.cli.table import Table, write
from worker.cli.text import in_any_case, to_json
from worker.registries.budget.budget import Budget
from worker.store.image_queue import GroupCount
from worker.terminal import say

_COLUMNS = (
    "host",
    "images",
    "parked",
    "due",
    "overdue",
    "reading",
    "failing",
    "requests/s",
    "slots",
    "state",
)


@click.group()
def sync() -> None:
    """Show or trigger registry synchronisation: reading the versions of images."""


@sync.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a host.")
def status(as_json: bool) -> None:
    """Show each registry: images, due and failing ones, budget, cooldown."""
    now = datetime.now(UTC)
    with connected(as_json) as services:
        rows = [_row(group, services.budget, now) for group in services.image_store.queue.counts(now)]
    if as_json:
        for row in rows:
            say(to_json(row))
        return
    rows.sort(key=lambda row: in_any_case(row["host"]))
    write(Table(_COLUMNS, [_cells(row) for row in rows]))


@sync.command()
@click.argument("image", required=False, type=Utf8())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def now(image: str | None, as_json: bool) -> None:
    """Request a refresh: images are read as soon as the budgets of their registries allow.

    IMAGE is a repository name, on any registry (team/plugin), or the subject of an event
    (images/registry.hub.docker.com/team/plugin). Default: all images of plugins.

    \b
    Examples:
      plugins sync now
      plugins sync now team/plugin
    """
    with connected(as_json) as services:
        count = services.image_store.images.make_due(image, datetime.now(UTC))
    if image is not None and not count:
        fail("NOT_FOUND", f"no plugin has the image {image}", as_json, "ImageNotFollowed", {})
    if as_json:
        say(to_json({"images": count}))
    elif count:
        say(f"{count} {'image is' if count == 1 else 'images are'} due now")


def _row(group: GroupCount, budget: Budget, now: datetime) -> dict[str, Any]:
    row = {"host": group.budget_group, **asdict(group)}
    del row["budget_group"]
    row |= asdict(budget.status(group.budget_group, group.registry_type))
    oldest = row.pop("oldest_due_at")
    row["oldest_due_at"] = format_time(oldest) if oldest else None
    row["overdue_s"] = round((now - oldest).total_seconds(), 1) if oldest else 0.0
    return row


def _cells(row: dict[str, Any]) -> dict[str, str]:
    if row["unreached"]:
        state = f"not reached, next try in {row['circuit_open_s']:.0f} s"
    elif row["cooldown_s"]:
        state = f"cooling down for {row['cooldown_s']:.0f} s"
    else:
        state = "ok"
    return {
        "host": row["host"],
        **{name: str(row[name]) for name in ("images", "parked", "due")},
        "overdue": f"{row['overdue_s']:.0f} s",
        "reading": str(row["claimed"]),
        "failing": str(row["failing"]),
        "requests/s": f"{row['rate']:.3g} of {row['full_rate']:.3g}",
        "slots": f"{row['in_use']} of {row['at_once']}",
        "state": state,
    }
