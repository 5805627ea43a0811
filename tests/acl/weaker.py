"""Roles that lack a right."""

from dataclasses import replace

from worker.process.grants import Role
from worker.process.roles import ROLES


def role(name: str) -> Role:
    return next(role for role in ROLES if role.name == name)


def without(whole: Role, command: str, *, begin: str = "", end: str = "") -> Role:
    """The role without one command on the keys that begin and end so."""
    grants = tuple(
        replace(grant, commands=tuple(c for c in grant.commands if c != command))
        if any(pattern.startswith(begin) and pattern.endswith(end) for pattern in grant.keys)
        else grant
        for grant in whole.grants
    )
    assert grants != whole.grants
    return replace(whole, grants=tuple(grant for grant in grants if grant.commands))
