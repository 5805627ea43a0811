"""The rules of one user of Redis for everybody, as they follow from those of each role."""

from worker.process.roles import HELPFUL, ROLES

KEYS = (
    "plugin.*",
    "celery-task-meta-*",
    "_kombu.binding.plugin.*",
    "_kombu.binding_permanent.plugin.*",
)


def one_user() -> list[str]:
    """Return the rules of one user for every process, caller and operator, as docs/operations.md shows them.

    For a Redis older than 7, or a hosted one that knows no selectors. Without what is only ``HELPFUL``.
    """
    commands = {command for role in ROLES for command in role.free}
    commands |= {command for role in ROLES for grant in role.grants for command in grant.commands}
    channels = {channel for role in ROLES for channel in role.channels if "billing" not in channel}
    return [
        "resetchannels",
        "-@all",
        *(f"~{key}" for key in KEYS),
        *(f"&{channel}" for channel in sorted(channels)),
        *(f"+{command}" for command in sorted(commands.difference(HELPFUL))),
    ]
