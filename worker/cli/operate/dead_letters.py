"""`plugins dead-letters`: look at messages that could not be applied, send them again, or forget them."""

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

import click

from contracts.values import format_time
from worker.cli.caller import fail, print_json
from worker.cli.operate.connection import Moment, connected, partitions_of
from worker.cli.render import plain
from worker.dead_letters.message import read_message
from worker.dead_letters.replay import Objection, Replay, Replayed
from worker.domain.dead_letter import DeadLetter, hide_secrets
from worker.domain.record import MAX_APPLIED
from worker.process.broker import Broker
from worker.services import Services
from worker.settings import REPLAY_TOKEN
from worker.store.dead_letters import Filter

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_EXPLAINED: Mapping[Objection, str] = {
    "gone": "there is no such letter",
    "changed": "it was parked again meanwhile; look at it once more",
    "unreadable": "no task, id or parameters can be read in it, so it would be parked again; "
    "--force sends it as it is",
    "revision_moved": f"its plugin has changed more than {MAX_APPLIED} times since, so that a second "
    "effect of it would not be noticed, and it may undo newer changes; --force sends it all the same",
    "expired": "its deadline has passed, so it would be refused; --force sends it without the deadline",
    "token_removed": "its token was not kept; give a new one by --token, or --force sends it without",
}


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a filter, and the filter made of them as ``wanted``."""

    @wraps(command)
    def filtered(
        ids: tuple[str, ...],
        reason: str | None,
        queue: str | None,
        task: str | None,
        plugin: str | None,
        since: datetime | None,
        **rest: Any,
    ) -> None:
        command(Filter(ids, reason, queue, task, plugin, since), **rest)

    for option in (
        click.option("--since", type=Moment(), help="Parked since: a time, or an age such as 12h."),
        click.option("--plugin", help="A plugin id, or DOMAIN/PLUGIN."),
        click.option("--task", help="Such as plugin.update."),
        click.option("--queue", help="Such as plugin.commands."),
        click.option("--reason", help="Such as fault, deaths, unknown_task, not_json."),
        click.option("--id", "ids", multiple=True, help="A letter's id; may be given several times."),
    ):
        filtered = option(filtered)
    return filtered


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages that could not be applied: they are kept, with the reason, until they are replayed or purged.

    Tokens are taken out of a message before it is stored.
    """


@dead_letters.command("list")
@_filtered
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="0 is no limit.")
@_as_json
def list_letters(wanted: Filter, limit: int, as_json: bool) -> None:
    """List letters, longest parked first."""
    with connected(as_json) as services:
        letters = list(services.dead_letters.find(wanted, limit))
        total = services.dead_letters.count(wanted)
    if as_json:
        print_json({"results": [_shown(letter) for letter in letters], "total_count": total})
        return
    for letter in letters:
        told = (letter.queue, letter.reason, letter.task or "-", ", ".join(letter.revisions) or "-")
        replayed = "  (replayed)" if letter.replayed_at else ""
        # Names in it are a sender's: they must not write on the terminal.
        click.echo(plain("  ".join((letter.id, format_time(letter.parked_at), *told))) + replayed)
    click.echo(f"{len(letters)} of {total} dead letter(s)")


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
@_as_json
def show(letter_id: str, as_json: bool) -> None:
    """Show one letter: where it came from, why it is here, and what it asked for. Never a secret."""
    with connected(as_json) as services:
        letter = services.dead_letters.read(letter_id)
    if letter is None:
        fail("NOT_FOUND", f"there is no dead letter {letter_id}", as_json, "DeadLetterNotFound", {})
    shown = _shown(letter) | {"headers": hide_secrets(dict(letter.headers))} | _content(letter)
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        told = format_time(value) if isinstance(value, datetime) else "-" if value is None else plain(value)
        click.echo(f"{name:<14}{told}")


@dead_letters.command()
@_filtered
@click.option("--all", "every", is_flag=True, help="Every letter that the filters leave.")
@click.option(
    "--token",
    envvar=REPLAY_TOKEN,
    show_envvar=True,
    help="The bearer token to send it with, in place of the one that was not kept. Better given by the "
    "environment: others on this machine can read a command line.",
)
@click.option("--force", is_flag=True, help="In spite of what speaks against it.")
@_as_json
def replay(wanted: Filter, every: bool, token: str | None, force: bool, as_json: bool) -> None:
    """Send letters again, to the end of the queue they belong on, with their own command ids.

    What was applied after all is noticed by its id, and answered without a second effect. A letter is removed
    once it was sent. Status 1 when one was not sent.
    """
    _check_chosen(wanted, every)
    with connected(as_json) as services:
        broker = Broker(services.broker)
        again = Replay(services.dead_letters, services.plugins, broker.push, partitions_of(services))
        results = [again.replay(name, token=token, force=force) for name in _chosen(services, wanted)]
    left = [result for result in results if result.objection]
    if as_json:
        print_json(
            {
                "results": [_result(r) for r in results],
                "replayed": len(results) - len(left),
                "left": len(left),
            }
        )
    else:
        for result in results:
            click.echo(
                f"{result.id}: "
                + (_EXPLAINED[result.objection] if result.objection else f"sent to {result.queue}")
            )
        click.echo(f"{len(results) - len(left)} replayed, {len(left)} left")
    sys.exit(1 if left else 0)


@dead_letters.command()
@_filtered
@click.option("--all", "every", is_flag=True, help="Every letter that the filters leave.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_as_json
def purge(wanted: Filter, every: bool, yes: bool, as_json: bool) -> None:
    """Remove letters for ever. Status 1 when one was not removed."""
    _check_chosen(wanted, every)
    with connected(as_json) as services:
        letters = list(services.dead_letters.find(wanted))
        if letters and not yes:
            click.confirm(f"Remove {len(letters)} dead letter(s) for ever?", abort=True, err=True)
        removed = sum(services.dead_letters.remove(letter) for letter in letters)
    left = len(letters) - removed
    if as_json:
        print_json({"removed": removed, "left": left})
    else:
        click.echo(f"{removed} removed" + (f", {left} parked again meanwhile and left" if left else ""))
    sys.exit(1 if left else 0)


@dead_letters.command()
@_as_json
def drain(as_json: bool) -> None:
    """Store what is parked in Redis now, for when no worker runs that would do so."""
    with connected(as_json) as services:
        broker = Broker(services.broker)
        partitions = partitions_of(services)
        queues = [state.queue for state in broker.states(partitions) if state.parked]
        count = broker.drain([*queues, *broker.stray_queues(partitions)], services.parking.store)
    if as_json:
        print_json({"drained": count})
    else:
        click.echo(f"{count} parked message(s) stored")


def _check_chosen(wanted: Filter, every: bool) -> None:
    if every == bool(wanted.ids):
        raise click.UsageError("say which letters: --id ID ..., or --all with filters")


def _chosen(services: Services, wanted: Filter) -> list[str]:
    """The ids of what is meant; an id that there is not is among them, to be told."""
    found = [letter.id for letter in services.dead_letters.find(wanted)]
    known = set(found)
    return [*found, *(name for name in dict.fromkeys(wanted.ids) if name not in known)]


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "reason": letter.reason,
        "error": letter.error,
        "task": letter.task,
        "command_id": letter.command_id,
        "plugins": [{"plugin": key, "revision": revision} for key, revision in letter.revisions.items()],
        "attempts": letter.attempts,
        "first_at": letter.first_at,
        "parked_at": letter.parked_at,
        "replayed_at": letter.replayed_at,
        "size": letter.size,
        "token_removed": letter.stripped,
    }


def _content(letter: DeadLetter) -> dict[str, Any]:
    """What the message asked for; of one that cannot be read, how it begins."""
    reading = read_message(letter.raw)
    try:
        if reading.kwargs is not None:
            return {"kwargs": hide_secrets(reading.kwargs)}
    except RecursionError:
        return {"kwargs": "(nested too deep to be shown)"}
    return {"begins": reading.raw[:500].decode("utf-8", "backslashreplace")}


def _result(result: Replayed) -> dict[str, Any]:
    return {"id": result.id, "queue": result.queue, "objection": result.objection}
