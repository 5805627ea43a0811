"""`plugins down`: stop what `plugins up` runs in a data folder."""

from pathlib import Path

import click

from worker.devtools.embedded import wait_until
from worker.devtools.rundir import RunDirectory
from worker.terminal import say

# Longer than `up` waits for its workers and servers.
TIMEOUT_S = 90.0


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".plugins"),
    show_default=True,
    help="The data folder of `plugins up`.",
)
def down(data_dir: Path) -> None:
    """Stop what `plugins up` runs in the data folder, and wait until it has stopped. The data stay."""
    folder = RunDirectory(data_dir)
    owner = folder.owner()
    if owner is None:
        say(f"Nothing runs in {data_dir}.")
        return
    say(f"Stopping process {owner} and everything that it started ...")
    folder.terminate_owner()
    try:
        wait_until(lambda: folder.owner() != owner, TIMEOUT_S)
    except TimeoutError:
        raise click.ClickException(
            f"process {owner} has not stopped within {TIMEOUT_S:g} s; see {folder.logs}"
        ) from None
    say("Stopped.")
