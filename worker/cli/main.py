"""The group `plugins` and the list of its commands."""

from importlib import import_module
from typing import Any, NamedTuple

import click

from worker.cli.text import printable


class Entry(NamedTuple):
    """One command of the group: its name, where it is, and its line in `plugins --help`."""

    name: str
    target: str  # "module:attribute" below `worker`: a click command, imported when it is used
    help: str


# In the order that `plugins --help` shows.
COMMANDS: list[Entry] = [
    Entry("up", "devtools.up:up", "Run everything on this machine: servers, workers, beat."),
    Entry("down", "devtools.down:down", "End what `plugins up` runs."),
    Entry("demo", "devtools.demo:demo", "Try it: the API's examples in a temporary folder."),
    Entry("register", "cli.operations.verbs:register", "Register a plugin in the local repository."),
    Entry("update", "cli.operations.verbs:update", "Replace fields of a plugin."),
    Entry("deregister", "cli.operations.verbs:deregister", "Remove a plugin."),
    Entry("enable", "cli.operations.verbs:enable", "Make a plugin usable."),
    Entry("disable", "cli.operations.verbs:disable", "Make a plugin unusable."),
    Entry("batch", "cli.operations.batch:batch", "Apply many writes in order, each on its own."),
    Entry("get", "cli.operations.verbs:get", "Show one plugin."),
    Entry("list", "cli.operations.verbs:list_plugins", "Find plugins by query."),
    Entry("stat", "cli.operations.verbs:stat", "Aggregate over plugins."),
    Entry("get-versions", "cli.operations.verbs:get_versions", "List the versions of a plugin's image."),
    Entry("versions", "cli.operations.verbs:get_versions", "The same as get-versions."),
    Entry("events", "cli.operations.events:events", "Show what has changed."),
    Entry(
        "doctor",
        "cli.operate.doctor.command:doctor",
        "How the deployment stands, and what to do about it.",
    ),
    Entry("healthcheck", "cli.operate.healthcheck:healthcheck", "Whether the processes here are alive."),
    Entry("dead-letters", "cli.operate.dead_letters:dead_letters", "Messages that could not be applied."),
    Entry("schemas", "cli.publish.schemas:schemas", "Publish the contract: JSON Schema and AsyncAPI."),
    Entry("partitions", "cli.operate.partitions:partitions", "By how many partitions commands are sent."),
    Entry("sync", "cli.operate.sync:sync", "Image versions: how fresh they are, and reading them now."),
]


class LazyGroup(click.Group):
    """A group that imports a command only when it is used, so that help and errors are quick."""

    def __init__(self, *args: object, entries: list[Entry], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command: click.Command = getattr(import_module(f"worker.{module}"), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as fault:
            # It may quote what was given, or what a message held.
            fault.message = printable(fault.message)  # type: ignore[misc]
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.entries:
            with formatter.section("Commands"):
                formatter.write_dl([(entry.name, entry.help) for entry in self.entries.values()])


@click.group(cls=LazyGroup, entries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plugin-repository", prog_name="plugins")
def main() -> None:
    """The Plugin repository: run it, send it commands, look into it."""
