"""`plugins partitions`: show or change the number of command partitions."""

import sys

import click

from worker.cli.caller import fail, json_option, print_json
from worker.cli.operate.connection import connected
from worker.process.partitions import InUse, Partitions
from worker.terminal import say


@click.group()
def partitions() -> None:
    """Show or change the number of command partitions.

    Every worker and publisher of a deployment must use the same number.
    """


@partitions.command("show")
@json_option
def show_number(as_json: bool) -> None:
    """Show the number in force and the one in this environment. Exit status 1 if they differ."""
    with connected(as_json) as services:
        kept = Partitions(services.broker).number()
        wanted = services.settings.command_partitions
    differs = kept not in (None, wanted)
    if as_json:
        print_json({"partitions": kept, "settings": wanted})
    else:
        say(f"in force: {kept or 'none yet; the first worker that starts decides'}")
        say(f"PLUGINS_COMMAND_PARTITIONS: {wanted}")
        if differs:
            say("workers with this setting refuse to start")
    sys.exit(1 if differs else 0)


@partitions.command("set")
@click.argument("number", type=click.IntRange(1, 1024))
@json_option
def set_number(number: int, as_json: bool) -> None:
    """Change the number of partitions while no command is waiting or in progress.

    Commands of one plugin keep their order only in one partition, so the change needs a pause:

    \b
    1. Stop every publisher of commands, or make it wait.
    2. Wait until the queues are empty (plugins doctor), then stop the commands workers.
    3. plugins dead-letters drain, if messages are parked; then this command.
    4. Set PLUGINS_COMMAND_PARTITIONS to the new number everywhere.
    5. Start the workers, then the publishers.

    Commands that were sent with a larger number (plugins doctor names their queues) reach no worker. Correct
    that publisher, then move its commands to the queue without a number. Workers apply or forward them from
    there, but refuse batches if there are several partitions. For each queue, until the answer is nil:

    \b
      redis-cli LMOVE plugin.commands.3 plugin.commands RIGHT LEFT

    To move the messages that a worker had in progress, in plugin.commands.3:unacked:

    \b
      redis-cli EVAL "
        for _, raw in ipairs(redis.call('HVALS', KEYS[1])) do redis.call('RPUSH', KEYS[2], raw) end
        return redis.call('DEL', KEYS[1])" 2 plugin.commands.3:unacked plugin.commands

    The change is refused while any commands queue, of the old number, the new or another, holds a message,
    waiting or in progress, or while a worker holds its lease.
    """
    with connected(as_json) as services:
        in_force = Partitions(services.broker)
        before = in_force.number()
        try:
            in_force.change(number)
        except InUse as error:
            message = f"{error.key!r} is in use: {_explained(error.key)}. Nothing was changed"
            hint = "see plugins partitions set --help"
            fail("IN_USE", f"{message}; {hint}", as_json, "InUse", {"key": error.key})
    if as_json:
        print_json({"before": before, "partitions": number})
    else:
        settings = f"PLUGINS_COMMAND_PARTITIONS={number}"
        say(f"{number} partition(s) from now on: set {settings}, then start the workers")


def _explained(key: str) -> str:
    if key.endswith(":lease"):
        return "a worker holds this lease"
    if key.endswith(":unacked"):
        return "a worker has ended with messages in progress; start it once more to finish them"
    if key.endswith(":poison"):
        return "messages are parked there; run plugins dead-letters drain"
    return "messages wait there"
