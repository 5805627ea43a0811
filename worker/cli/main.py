"""The group `plugins` and the list of its commands."""

from importlib import import_module
from typing import Any, NamedTuple

import click

from worker.cli.text import printable


class Entry(NamedTuple):
    """One command of the group: its name, where it is, and its line in `plugins --help`."""

    name: str
    target: str  # "module:attribute" of a click command, imported when it is used
    help: str


# In the order that `plugins --help` shows.
COMMANDS: list[Entry] = [
    Entry("up", "worker.cli.up:up", "Run everything on this machine: servers, workers, beat."),
    Entry("down", "worker.cli.down:down", "End what `plugins up` runs."),
    Entry("demo", "worker.cli.demo:demo", "Try it: the API's examples in a temporary folder."),
    Entry("register", "worker.cli.operations:register", "Register a plugin in the local repository."),
    Entry("update", "worker.cli.operations:update", "Replace fields of a plugin."),
    Entry("deregister", "worker.cli.operations:deregister", "Remove a plugin."),
    Entry("enable", "worker.cli.operations:enable", "Make a plugin usable."),
    Entry("disable", "worker.cli.operations:disable", "Make a plugin unusable."),
    Entry("batch", "worker.cli.batch:batch", "Apply many writes in order, each on its own."),
    Entry("get", "worker.cli.operations:get", "Show one plugin."),
    Entry("list", "worker.cli.operations:list_plugins", "Find plugins by query."),
    Entry("stat", "worker.cli.operations:stat", "Aggregate over plugins."),
    Entry("get-versions", "worker.cli.operations:get_versions", "List the versions of a plugin's image."),
    Entry("versions", "worker.cli.operations:get_versions", "The same as get-versions."),
    Entry("events", "worker.cli.events:events", "Show what has changed."),
    Entry("doctor", "worker.cli.doctor:doctor", "How the deployment stands, and what to do about it."),
    Entry("healthcheck", "worker.cli.healthcheck:healthcheck", "Whether the processes here are alive."),
    Entry("dead-letters", "worker.cli.dead_letters:dead_letters", "Messages that could not be applied."),
    Entry("schemas", "worker.cli.schemas:schemas", "Publish the contract: JSON Schema and AsyncAPI."),
    Entry("partitions", "worker.cli.partitions:partitions", "By how many partitions commands are sent."),
    Entry("sync", "worker.cli.sync:sync", "Image versions: how fresh they are, and reading them now."),
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
        command: click.Command = getattr(import_module(module), attribute)
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
