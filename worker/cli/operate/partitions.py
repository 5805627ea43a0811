"""`plugins partitions`: by how many partitions commands are sent, and changing that."""

import sys

import click

from worker.cli.caller import fail, print_json
from worker.cli.operate.connection import connected
from worker.process.partitions import InUse, Partitions

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def partitions() -> None:
    """The number of partitions, which every worker and publisher of a deployment has to agree on."""


@partitions.command()
@_as_json
def show(as_json: bool) -> None:
    """Show the number in force and the one of this environment's settings. Status 1 when they differ."""
    with connected(as_json) as services:
        kept = Partitions(services.broker).number()
        wanted = services.settings.command_partitions
    differs = kept not in (None, wanted)
    if as_json:
        print_json({"partitions": kept, "settings": wanted})
    else:
        click.echo(f"in force: {kept or 'none yet; the first worker that starts says'}")
        click.echo(f"PLUGINS_COMMAND_PARTITIONS: {wanted}")
        if differs:
            click.echo("workers with these settings refuse to start")
    sys.exit(1 if differs else 0)


@partitions.command("set")
@click.argument("number", type=click.IntRange(1, 1024))
@_as_json
def set_number(number: int, as_json: bool) -> None:
    """Change the number of partitions, while nothing is on its way.

    Commands of one plugin keep their order only in one partition, so the change needs a pause:

    \b
    1. End every publisher of commands, or hold them back.
    2. Wait until the queues are empty (plugins doctor), then end the commands workers.
    3. plugins dead-letters drain, if anything is parked; then this command.
    4. Set PLUGINS_COMMAND_PARTITIONS to the new number everywhere.
    5. Start the workers, then the publishers.

    Commands that were sent by a larger number (plugins doctor names their queues) reach no worker. Put that
    publisher right, then move them to the bare queue, from where they are applied or forwarded; batches
    are refused there if there are several partitions. For each queue, until the answer is nil:

    \b
      redis-cli LMOVE plugin.commands.3 plugin.commands RIGHT LEFT

    What a worker has left of such a queue, plugin.commands.3:unacked, is moved by:

    \b
      redis-cli EVAL "
        for _, raw in ipairs(redis.call('HVALS', KEYS[1])) do redis.call('RPUSH', KEYS[2], raw) end
        return redis.call('DEL', KEYS[1])" 2 plugin.commands.3:unacked plugin.commands

    The change is refused while any commands queue, of the old number, the new or another, holds a message,
    delivered or not, or a worker holds the lease of one.
    """
    with connected(as_json) as services:
        in_force = Partitions(services.broker)
        before = in_force.number()
        try:
            in_force.change(number)
        except InUse as use:
            told = f"{use.key!r} is in use: {_explained(use.key)}. Nothing was changed"
            hint = "see plugins partitions set --help"
            fail("IN_USE", f"{told}; {hint}", as_json, "InUse", {"key": use.key})
    if as_json:
        print_json({"before": before, "partitions": number})
    else:
        click.echo(
            f"{number} partition(s) from now on: set PLUGINS_COMMAND_PARTITIONS to it, start the workers"
        )


def _explained(key: str) -> str:
    if key.endswith(":lease"):
        return "a worker holds this lease"
    if key.endswith(":unacked"):
        return "a worker that ended has left messages, which the next owner takes up; start it once more"
    if key.endswith(":poison"):
        return "messages are parked there; run plugins dead-letters drain"
    return "messages wait there"
