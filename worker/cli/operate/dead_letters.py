"""`plugins dead-letters`: show messages that could not be applied, send them again, or remove them."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from functools import wraps
from typing import Any

import click

from contracts.values import format_time
from worker.cli.caller import CommandCallback, fail, json_option, print_json
from worker.cli.operate.connection import connected, partitions_of
from worker.cli.operate.letter import COLUMNS, content_of, details_of, row_of
from worker.cli.param_types import Moment
from worker.cli.table import Table, write
from worker.cli.text import plain
from worker.dead_letters.replay import Objection, Replay
from worker.domain.record import MAX_APPLIED
from worker.domain.secrets import hide_secrets
from worker.process.partitions import Partitions
from worker.process.queues import Queues
from worker.services import Services
from worker.settings import REPLAY_TOKEN
from worker.store.dead_letters import Filter
from worker.terminal import say

_EXPLAINED: Mapping[Objection, str] = {
    "gone": "there is no such dead letter",
    "changed": "it was parked again in the meantime; show it again first",
    "cut": "only its beginning was kept, because of its size, so there is nothing to send",
    "unreadable": "it has no readable task, id or parameters, so it would be parked again; "
    "--force sends it as it is",
    "revision_moved": f"its plugin has changed more than {MAX_APPLIED} times since, so a second effect "
    "would not be noticed, and it may undo newer changes; --force sends it anyway",
    "expired": "its deadline has passed, so it would be refused; --force sends it without the deadline",
    "token_removed": "its token was not kept; give a new one by --token, or --force sends it without",
}


def _filtered(command: CommandCallback) -> CommandCallback:
    """Add the options of a filter; the command gets the filter as ``wanted``."""

    @wraps(command)
    def with_filter(**options: Any) -> None:
        wanted = Filter(**{field.name: options.pop(field.name) for field in fields(Filter)})
        command(wanted, **options)

    for option in (
        click.option(
            "--since", type=Moment(), help="Parked after this time, or within this age, such as 12h."
        ),
        click.option("--plugin", help="A plugin id, or DOMAIN/PLUGIN."),
        click.option("--task", help="Such as plugin.update."),
        click.option("--queue", help="Such as plugin.commands."),
        click.option("--reason", help="Such as fault, deaths, unknown_task, not_json."),
        click.option("--junk/--no-junk", default=None, help="What no task can ever apply; or all else."),
        click.option(
            "--id", "ids", multiple=True, help="The id of a dead letter. May be given several times."
        ),
    ):
        with_filter = option(with_filter)
    return with_filter


@click.group("dead-letters")
def dead_letters() -> None:
    """Show, replay or purge messages that could not be applied.

    Each one is kept, with the reason, until it is replayed or purged. Junk, which no task can ever apply, is
    dropped when there is too much. Tokens are removed from a message before it is stored.
    """


@dead_letters.command("list")
@_filtered
@click.option(
    "--limit", type=click.IntRange(0), default=100, show_default=True, help="The most to show; 0: all."
)
@json_option
def list_letters(wanted: Filter, limit: int, as_json: bool) -> None:
    """List dead letters, the oldest first."""
    with connected(as_json) as services:
        letters = list(services.dead_letters.find(wanted, limit))
        total = services.dead_letters.count(wanted)
        junk = services.dead_letters.count(replace(wanted, junk=True)) if wanted.junk is not False else 0
        drops = services.dead_letters.retention.drops()
    if as_json:
        print_json(
            {
                "results": [details_of(letter) for letter in letters],
                "total_count": total,
                "junk_count": junk,
                "dropped": asdict(drops) if drops else None,
            }
        )
        return
    if sys.stdout.isatty() and letters:
        write(Table(COLUMNS, [row_of(letter) for letter in letters], whole=("id", "parked at")))
    else:
        for letter in letters:
            *texts, replayed = row_of(letter).values()
            say(plain("  ".join(texts)) + ("  (replayed)" if replayed else ""))
    say(f"{len(letters)} of {total} dead letter(s)" + (f", {junk} of them junk" if junk else ""))
    if drops:
        say(f"{drops.count} dropped since {format_time(drops.since)}, the last {format_time(drops.last)}")


@dead_letters.command("show")
@click.argument("letter_id", metavar="ID")
@json_option
def show_letter(letter_id: str, as_json: bool) -> None:
    """Show one dead letter: its queue, the reason, and its parameters. Secrets are never shown."""
    with connected(as_json) as services:
        letter = services.dead_letters.read(letter_id)
    if letter is None:
        fail("NOT_FOUND", f"there is no dead letter {letter_id}", as_json, "DeadLetterNotFound", {})
    shown = details_of(letter) | {"headers": hide_secrets(dict(letter.headers))} | content_of(letter)
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        text = format_time(value) if isinstance(value, datetime) else "-" if value is None else plain(value)
        say(f"{name:<14}{text}")


@dead_letters.command()
@_filtered
@click.option("--all", "every", is_flag=True, help="Every dead letter that passes the filters.")
@click.option(
    "--token",
    envvar=REPLAY_TOKEN,
    show_envvar=True,
    help="The bearer token to send it with: the one it came with was not kept. Prefer the variable: others "
    "on this machine can read a command line.",
)
@click.option("--force", is_flag=True, help="Send it despite an objection.")
@json_option
def replay(wanted: Filter, every: bool, token: str | None, force: bool, as_json: bool) -> None:
    """Send dead letters again, to the end of their queue, with their own command ids.

    If a command was applied after all, its id is recognised and it has no second effect. A dead letter is
    removed once it was sent. Exit status 1 if one was not sent.
    """
    _check_chosen(wanted, every)
    with connected(as_json) as services:
        push = Queues(services.broker).push
        again = Replay(services.dead_letters, services.plugins, push, partitions_of(services))
        results = [again.replay(name, token=token, force=force) for name in _chosen(services, wanted)]
    left = [result for result in results if result.objection]
    if as_json:
        print_json(
            {
                "results": [asdict(result) for result in results],
                "replayed": len(results) - len(left),
                "left": len(left),
            }
        )
    else:
        for result in results:
            say(
                f"{result.id}: "
                + (_EXPLAINED[result.objection] if result.objection else f"sent to {result.queue}")
            )
        say(f"{len(results) - len(left)} replayed, {len(left)} left")
    sys.exit(1 if left else 0)


@dead_letters.command()
@_filtered
@click.option("--all", "every", is_flag=True, help="Every dead letter that passes the filters.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def purge(wanted: Filter, every: bool, yes: bool, as_json: bool) -> None:
    """Remove dead letters for ever. Exit status 1 if one was not removed."""
    _check_chosen(wanted, every)
    with connected(as_json) as services:
        letters = list(services.dead_letters.find(wanted))
        if letters and not yes:
            click.confirm(f"Remove {len(letters)} dead letter(s) for ever?", abort=True, err=True)
        removed = services.dead_letters.remove(letters)
    left = len(letters) - removed
    if as_json:
        print_json({"removed": removed, "left": left})
    else:
        say(f"{removed} removed" + (f", {left} left (parked again in the meantime)" if left else ""))
    sys.exit(1 if left else 0)


@dead_letters.command("drain")
@json_option
def drain_letters(as_json: bool) -> None:
    """Move parked messages from Redis to the dead letters (only when no worker runs)."""
    with connected(as_json) as services:
        queues, number = Queues(services.broker), partitions_of(services)
        parked = [status.queue for status in queues.statuses(number) if status.parked]
        strays = Partitions(services.broker).stray_queues(number)
        count = queues.drain([*parked, *strays], services.parking.store)
    if as_json:
        print_json({"drained": count})
    else:
        say(f"{count} parked message(s) stored")


def _check_chosen(wanted: Filter, every: bool) -> None:
    if every == bool(wanted.ids):
        raise click.UsageError("name the dead letters: --id ID ..., or --all with filters")


def _chosen(services: Services, wanted: Filter) -> list[str]:
    """Return the ids to replay; an id without a dead letter is among them, so that it is reported."""
    found = [letter.id for letter in services.dead_letters.find(wanted)]
    known = set(found)
    return [*found, *(name for name in dict.fromkeys(wanted.ids) if name not in known)]
