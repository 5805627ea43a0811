"""`plugins images`: show the images of plugins, and why one cannot be read."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args

import click

from worker.cli.caller import fail, json_option, print_json
from worker.cli.operate.connection import connected
from worker.cli.operate.doctor.finding import ago
from worker.cli.param_types import Utf8
from worker.cli.table import Fields, Table, write
from worker.domain.image import FailureReason
from worker.services import Services
from worker.store.image_list import ImageFilter, ImageList, ListedImage
from worker.terminal import say

_COLUMNS = ("image", "state", "reason", "since", "failures", "next try", "plugins", "detail")
_REASONS = [reason for reason in get_args(FailureReason) if reason != "throttled"]
_USERS = 100
_ALONE = "its registry is left alone for now: see plugins sync status"


class _Shown(NamedTuple):
    """An image, its plugins, and when its registry is asked again."""

    listed: ListedImage
    plugins: list[str]
    plugin_count: int
    next_try_at: datetime | None
    is_alone: bool

    @property
    def detail(self) -> str | None:
        return self.listed.image.last_detail or (_ALONE if self.is_alone else None)


@click.command()
@click.argument("image", required=False, type=Utf8())
@click.option("--failed", is_flag=True, help="Only those of plugins that could not be read at the last try.")
@click.option("--host", type=Utf8(), help="Only those of this registry, such as ghcr.io.")
@click.option("--reason", type=click.Choice(_REASONS), help="Only those that could not be read for this.")
@click.option(
    "--limit", type=click.IntRange(0), default=100, show_default=True, help="The most to show; 0: all."
)
@json_option
def images(
    image: str | None, failed: bool, host: str | None, reason: FailureReason | None, limit: int, as_json: bool
) -> None:
    """Show the images of plugins: their state, why one cannot be read, and when it is tried again.

    IMAGE is a repository name, on any registry (team/plugin), or a subject (images/ghcr.io/team/plugin): it
    is shown with all that is known of it. Default: a list.

    A registry that asks to be left alone is not the fault of an image: see plugins sync status.

    \b
    Examples:
      plugins images --failed
      plugins images --host ghcr.io --reason auth
      plugins images team/plugin --json
    """
    wanted = ImageFilter(image, host, failed or reason is not None, reason)
    now = datetime.now(UTC)
    with connected(as_json) as services:
        store = ImageList(services.database)
        shown = _look(services, store, store.find(wanted, limit), now)
        total = store.count(wanted)
    if image is not None and not shown:
        fail("NOT_FOUND", f"there is no such image {image}", as_json, "ImageNotFollowed", {})
    if as_json:
        print_json({"results": [_details(row) for row in shown], "total_count": total})
    elif image is None:
        write(Table(_COLUMNS, [_row(row, now) for row in shown], whole=("image",)))
        say(f"{len(shown)} of {total} image(s)")
    else:
        for number, row in enumerate(shown):
            write(*([""] if number else []), Fields(_details(row) | {"plugins": ", ".join(row.plugins)}))


def _look(services: Services, store: ImageList, found: list[ListedImage], now: datetime) -> list[_Shown]:
    refs = {listed.image.ref.budget_group: listed.image.ref for listed in found}
    alone = {
        name: now + timedelta(seconds=services.budget.status(name, ref.registry_type).left_alone_s)
        for name, ref in refs.items()
    }
    shown = []
    for listed in found:
        image = listed.image
        due = image.next_refresh_at
        next_try_at = due and max(due, alone[image.ref.budget_group])
        is_alone = due is not None and alone[image.ref.budget_group] > now
        shown.append(_Shown(listed, *store.users(image.ref, _USERS), next_try_at, is_alone))
    return shown


def _details(row: _Shown) -> dict[str, Any]:
    image, ref = row.listed.image, row.listed.image.ref
    return {
        "image": ref.subject,
        "host": ref.host,
        "repository": ref.repository,
        "registry_type": ref.registry_type,
        "credential": ref.credential,
        "state": image.state,
        "reason": image.last_error,
        "detail": row.detail,
        "failing_since": image.failing_since,
        "failures": image.failures,
        "next_try_at": row.next_try_at,
        "synced_at": image.synced_at,
        "changed_at": image.changed_at,
        "total_count": row.listed.total_count,
        "latest": next(iter(image.versions), None),
        "truncated": image.truncated,
        "plugins": row.plugins,
        "plugin_count": row.plugin_count,
    }


def _row(row: _Shown, now: datetime) -> dict[str, str]:
    image = row.listed.image
    others = row.plugin_count - 1
    return {
        "image": image.ref.subject,
        "state": image.state,
        "reason": image.last_error or "-",
        "since": ago(image.failing_since, now) if image.failing_since else "-",
        "failures": str(image.failures),
        "next try": _until(row.next_try_at, now),
        "plugins": (row.plugins[0] if row.plugins else "-") + (f" and {others} more" if others > 0 else ""),
        "detail": row.detail or "-",
    }


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never: unused"
    return "now" if moment <= now else f"in {ago(now, moment)}"
