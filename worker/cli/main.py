"""The group `plugins` and the list of its commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import click
from click_didyoumean import DYMMixin

from worker.terminal import printable_lines


class Entry(NamedTuple):
    """One command of a group: its name, where it is, and its line in the group's help.

    ``target``: ``module:attribute`` of a click command, imported when it is used.
    """

    name: str
    target: str
    help: str


_DEVTOOLS, _OPERATIONS, _OPERATE = "worker.devtools", "worker.cli.operations", "worker.cli.operate"

# In the order that `plugins --help` shows.
COMMANDS: list[Entry] = [
    Entry("up", f"{_DEVTOOLS}.up:up", "Run everything on this machine: servers, workers, beat."),
    Entry("down", f"{_DEVTOOLS}.down:down", "Stop what `plugins up` runs."),
    Entry("demo", f"{_DEVTOOLS}.demo:demo", "Try it: the API's examples in a temporary folder."),
    Entry("register", f"{_OPERATIONS}.verbs:register", "Register a plugin in the local repository."),
    Entry("update", f"{_OPERATIONS}.verbs:update", "Replace fields of a plugin."),
    Entry("deregister", f"{_OPERATIONS}.verbs:deregister", "Remove a plugin."),
    Entry("enable", f"{_OPERATIONS}.verbs:enable", "Make a plugin usable."),
    Entry("disable", f"{_OPERATIONS}.verbs:disable", "Make a plugin unusable."),
    Entry("batch", f"{_OPERATIONS}.batch:batch", "Apply many writes in order, each on its own."),
    Entry("get", f"{_OPERATIONS}.verbs:get", "Show one plugin."),
    Entry("list", f"{_OPERATIONS}.verbs:list_plugins", "Find plugins by query."),
    Entry("stat", f"{_OPERATIONS}.verbs:stat", "Aggregate over plugins."),
    Entry("get-versions", f"{_OPERATIONS}.verbs:get_versions", "List the versions of a plugin's image."),
    Entry("versions", f"{_OPERATIONS}.verbs:get_versions", "The same as get-versions."),
    Entry("events", f"{_OPERATIONS}.events:events", "Show what has changed."),
    Entry("doctor", f"{_OPERATE}.doctor.command:doctor", "Check the deployment and suggest fixes."),
    Entry("healthcheck", f"{_OPERATE}.healthcheck:healthcheck", "Check that the processes here are alive."),
    Entry(
        "dead-letters",
        f"{_OPERATE}.dead_letters:dead_letters",
        "Show, replay or purge messages that could not be applied.",
    ),
    Entry("schemas", "worker.cli.publish.schemas:schemas", "Publish the contract: JSON Schema, AsyncAPI."),
    Entry(
        "partitions",
        f"{_OPERATE}.partitions:partitions",
        "Show or change the number of command partitions.",
    ),
    Entry("sync", f"{_OPERATE}.sync:sync", "Show or trigger registry synchronisation."),
    Entry("images", f"{_OPERATE}.images:images", "Show images, and why one cannot be read."),
]


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Escape what an error of click quotes: an argument, or what a message held."""
    try:
        yield
    except click.ClickException as error:
        error.message = printable_lines(error.message)  # type: ignore[misc]  # click types it as final
        raise


class LazyGroup(DYMMixin, click.Group):  # type: ignore[misc]
    """A group that imports a command only when it is used, so that help and errors are quick.

    A command that it does not have is answered with similar names.
    """

    def __init__(self, *args: Any, entries: list[Entry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _printable_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _printable_errors():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.entries:
            with formatter.section("Commands"):
                formatter.write_dl([(entry.name, entry.help) for entry in self.entries.values()])


@click.group(cls=LazyGroup, entries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plugin-repository", prog_name="plugins")
def main() -> None:
    """The Plugin repository: run it, send it commands, look into it."""
