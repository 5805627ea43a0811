"""`plugins sync`: the schedule of image versions, and reading images now."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from contracts.values import format_time
from worker.cli.operate import connected
from worker.registries.budget import Budget
from worker.registries.limits import Limits, parse_limits
from worker.store.image_queue import GroupCount, ImageQueue
from worker.store.images import Images

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
        budget = Budget(services.redis, Limits(parse_limits(services.settings.registry_budgets)))
        groups = ImageQueue(services.database).counts(now)
        rows = [_row(group, budget, now) for group in groups]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    for line in _table([_COLUMNS, *(_cells(row) for row in rows)]):
        click.echo(line)


@sync.command()
@click.argument("image", required=False)
@click.option("--json", "as_json", is_flag=True, help="The answer as one JSON object.")
def now(image: str | None, as_json: bool) -> None:
    """Have images read as soon as their registries' budgets allow, at the next tick at the latest.

    IMAGE is a repository name, on whatever registry (team/plugin), or the subject of an event
    (images/registry.hub.docker.com/team/plugin); without it, all images that are followed.
    """
    with connected(as_json) as services:
        count = Images(services.database).make_due(image, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps({"images": count}))
    elif count:
        click.echo(f"{count} {'image is' if count == 1 else 'images are'} due now")
    if image is not None and not count:
        raise click.ClickException(f"no plugin's image is followed as {image}")


def _row(group: GroupCount, budget: Budget, now: datetime) -> dict[str, Any]:
    row = asdict(group) | asdict(budget.status(group.host, group.registry_type))
    oldest = row.pop("oldest_due_at")
    row["oldest_due_at"] = format_time(oldest) if oldest else None
    row["overdue_s"] = round((now - oldest).total_seconds(), 1) if oldest else 0.0
    return row


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if row["circuit_open_s"]:
        state = f"not reached, tried again in {row['circuit_open_s']:.0f} s"
    elif row["cooldown_s"]:
        state = f"cooling down for {row['cooldown_s']:.0f} s"
    else:
        state = "ok"
    return (
        row["host"],
        *(str(row[name]) for name in ("images", "parked", "due")),
        f"{row['overdue_s']:.0f} s",
        str(row["claimed"]),
        str(row["failing"]),
        f"{row['rate']:.3g} of {row['full_rate']:.3g}",
        f"{row['in_use']} of {row['at_once']}",
        state,
    )


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
