"""`plugins events`: the event stream as it is, without a consumer group."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

import click
import redis

from contracts._redis.connect import open_redis
from contracts._redis.outage import is_redis_outage, redis_outage
from contracts.events import PLUGIN_CHANGED, STREAM
from contracts.subscriber import Event, UnreadableEvent, entries_of, read_event
from worker.cli.caller import ending_errors, read_connections
from worker.cli.main import Entry, LazyGroup
from worker.cli.param_types import StreamStart
from worker.cli.text import plain, to_json
from worker.terminal import Coloured, say

_PAGE = 500
_BLOCK_MS = 1000
_AGAIN_S = 0.5
_COLOURS = {"registered": "green", "enabled": "green", "disabled": "yellow", "deregistered": "red"}

SUBCOMMANDS: list[Entry] = [
    Entry(
        "reconcile",
        "worker.cli.operate.reconcile:reconcile",
        "Repair events after MongoDB was restored from a backup.",
    ),
]


@click.group(cls=LazyGroup, entries=SUBCOMMANDS, invoke_without_command=True)
@click.option("--follow", is_flag=True, help="Also show new events as they come, until Ctrl-C.")
@click.option(
    "--from",
    "start",
    metavar="beginning|now|ID",
    type=StreamStart(),
    help="Where to start; ID: after this stream entry. Default: now with --follow, else beginning.",
)
@click.option("--subject", metavar="S", help="Only this subject: DOMAIN/PLUGIN or images/HOST/IMAGE.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N events.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: entry, attributes, data.")
@click.pass_context
def events(
    context: click.Context,
    follow: bool,
    start: str | None,
    subject: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Show what has changed, from the event stream. It needs no consumer group and acknowledges nothing.

    \b
    Examples:
      plugins events --follow
      plugins events --subject d-1/jira --json
      plugins events --from 1767225600000-0 --count 100
    """
    if context.invoked_subcommand is not None:
        return
    start = start or ("now" if follow else "beginning")
    found = _read(read_connections(as_json).events, start, follow)
    wanted = (event for event in found if subject in (None, event.subject))
    with ending_errors(as_json), suppress(KeyboardInterrupt):
        for event in islice(wanted, count):
            say(*([_as_json(event)] if as_json else _line(event)))


def _read(url: str, start: str, follow: bool) -> Iterator[Event]:
    """Yield the events after ``start``; with ``follow`` without end."""
    with open_redis(url) as client:
        ask = _Patient() if follow else _ask
        last = ask(partial(_entry, client, start))
        if follow:
            say(f"Waiting for events on {STREAM} (Ctrl-C ends)", err=True)
        block_ms = _BLOCK_MS if follow else None
        while True:
            found = ask(partial(client.xread, {STREAM: last}, count=_PAGE, block=block_ms))
            entries = entries_of(found)
            for entry, fields in entries:
                last = entry
                try:
                    yield read_event(entry.decode(), fields)
                except UnreadableEvent as error:
                    say(f"unreadable entry: {error}", err=True)
            if not entries and not follow:
                return


def _ask(question: Callable[[], Any]) -> Any:
    return question()


class _Patient:
    """Asks Redis until it answers, as a subscriber does; says so when it is away, and when it is back."""

    def __init__(self) -> None:
        self._away = False

    def __call__(self, question: Callable[[], Any]) -> Any:
        while True:
            try:
                answer = question()
            except redis.RedisError as error:
                outage = redis_outage(error, "it does not answer")
                if not is_redis_outage(error) or outage.is_refusal:
                    raise
                if not self._away:
                    say(f"waiting for Redis: {outage.text}", err=True)
                self._away = True
                time.sleep(_AGAIN_S)
            else:
                if self._away:
                    say("Redis answers again", err=True)
                self._away = False
                return answer


def _entry(client: Any, start: str) -> Any:
    """Return the stream entry to read after."""
    if start == "beginning":
        return "0"
    if start == "now":
        # Its id, and not $: what comes between two reads would be missed.
        newest = client.xrevrange(STREAM, count=1)
        return newest[0][0] if newest else "0"
    return start


def _as_json(event: Event) -> str:
    return to_json({"entry": event.entry, "attributes": event.attributes, "data": event.data})


def _line(event: Event) -> list[str | Coloured]:
    """Return the parts of a line. Whoever may write to the stream may put anything into ``data``."""
    data = event.data
    if event.type == PLUGIN_CHANGED:
        what = plain(data.get("change"))
        more = ", ".join(map(plain, _list(data, "changed_fields")))
    else:
        what = "versions"
        added, removed = len(_list(data, "added")), len(_list(data, "removed"))
        more = f"+{added} -{removed}, latest {plain(data.get('latest'))}"
    gap = "  (events before it are lost)" if event.gap else ""
    time = plain(event.attributes.get("time", event.entry))
    rest = f"  {plain(event.subject)}@{event.revision}  {more}{gap}".rstrip()
    return [f"{time}  ", Coloured(f"{what:<12}", _COLOURS.get(what, "cyan")), rest]


def _list(data: dict[str, Any], name: str) -> list[Any]:
    found = data.get(name)
    return found if isinstance(found, list) else []
