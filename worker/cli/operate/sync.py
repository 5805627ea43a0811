"""`plugins sync`: the schedule of image versions, and reading images now."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from contracts.values import format_time
from worker.cli.caller import fail
from worker.cli.operate.connection import connected
from worker.cli.render import table
from worker.registries.budget.budget import Budget
from worker.store.image_queue import GroupCount

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
    """Image versions: how fresh they are, and reading them now."""


@sync.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host.")
def status(as_json: bool) -> None:
    """How each registry stands: images, what is due, its budget, cooldown and failures."""
    now = datetime.now(UTC)
    with connected(as_json) as services:
        rows = [_row(group, services.budget, now) for group in services.image_queue.counts(now)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    click.echo(table(_COLUMNS, [_cells(row) for row in rows]))


def _utf8(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter("is not UTF-8") from None
    return value


@sync.command()
@click.argument("image", required=False, callback=_utf8)
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
def now(image: str | None, as_json: bool) -> None:
    """Have images read as soon as their registries' budgets allow, at the next tick at the latest.

    IMAGE is a repository name, on whatever registry (team/plugin), or the subject of an event
    (images/registry.hub.docker.com/team/plugin); without it, all images that are followed.
    """
    with connected(as_json) as services:
        count = services.images.make_due(image, datetime.now(UTC))
    if image is not None and not count:
        fail("NOT_FOUND", f"no plugin's image is followed as {image}", as_json, "ImageNotFollowed", {})
    if as_json:
        click.echo(json.dumps({"images": count}))
    elif count:
        click.echo(f"{count} {'image is' if count == 1 else 'images are'} due now")


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
        state = f"not reached, tried again in {row['circuit_open_s']:.0f} s"
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
