"""Writes the ACL files of Redis from the table of roles: ``python -m worker.devtools.acl deploy/redis``."""

import sys
from pathlib import Path

from worker.process.grants import Grant, Role
from worker.process.panel_roles import with_panel
from worker.process.roles import HELPFUL, ROLES

_CLIENT = ("caching", "kill", "list", "no-evict", "pause", "reply", "tracking", "unblock", "unpause")
"""What nobody needs of CLIENT. The rest is about the connection itself, and one of it, SETINFO, is unknown to
Redis 7.0, which refuses a file that names it.
"""


def password_of(user: str) -> str:
    """Return what stands in the file for the password of ``user``. Redis refuses a file that has it still."""
    return f"#PASSWORD-OF-{user}"


def render(roles: tuple[Role, ...] = ROLES) -> str:
    """Return the file: a line for each user, as Redis has no other form for it."""
    admin = f"user admin on sanitize-payload {password_of('admin')} ~* &* +@all"
    return "\n".join([admin, "user default off resetchannels -@all", *map(_line, roles)]) + "\n"


def rules(role: Role) -> list[str]:
    """Return the rules of a role, each as ``ACL SETUSER`` takes it."""
    free = [word for command in role.free for word in _allowed(command)]
    channels = [f"&{channel}" for channel in role.channels]
    return ["resetchannels", *channels, "-@all", *free, *map(_selector, role.grants)]


ONE_USER_KEYS = (
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
        *(f"~{key}" for key in ONE_USER_KEYS),
        *(f"&{channel}" for channel in sorted(channels)),
        *(f"+{command}" for command in sorted(commands.difference(HELPFUL))),
    ]


def _line(role: Role) -> str:
    return " ".join(["user", role.name, "on", "sanitize-payload", password_of(role.name), *rules(role)])


def _allowed(command: str) -> list[str]:
    if command == "client":
        return ["+client", *(f"-client|{name}" for name in _CLIENT)]
    return [f"+{command}"]


def _selector(grant: Grant) -> str:
    sign = "%W~" if grant.writes_only else "~"
    keys = " ".join(f"{sign}{key}" for key in grant.keys)
    commands = " ".join(f"+{command}" for command in grant.commands)
    return f"({keys} resetchannels -@all {commands})"


FILES = {"users.acl": ROLES, "users-panel.acl": with_panel()}
"""Without and with what a panel of remote control needs."""


if __name__ == "__main__":
    for name, roles in FILES.items():
        (Path(sys.argv[1]) / name).write_text(render(roles))
