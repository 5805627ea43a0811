"""Whether the user of this process may do at Redis what its role needs, asked before it takes a message."""

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import redis

from contracts._redis.outage import is_redis_outage, redis_outage
from worker.lua import RIGHTS
from worker.process.grants import Grant, Role, Server
from worker.process.mailbox import channel
from worker.process.panel_roles import with_panel
from worker.process.roles import HELPFUL, ROLES
from worker.services import Services

logger = logging.getLogger(__name__)

_SHOWN = 12
_SHOWN_OF_ANOTHER = 3

_OF_CHANNELS = ("publish", "subscribe")

_ASK: Final = f"""{RIGHTS}
local commands = {{}}
for i, command in ipairs(ARGV) do
  commands[i] = cjson.decode(command)
end
return lacking(commands)
"""

_WORDS: Final = {
    "client": ("setname", "{}"),
    "eval": ("", "{n}", "{}"),
    "evalsha": ("", "{n}", "{}"),
    "xread": ("STREAMS", "{}", "0"),
    "xreadgroup": ("GROUP", "", "", "STREAMS", "{}", ">"),
}
"""What follows the name of a command; default: its key. ``{}``: the key. ``{n}``: how many there are."""

Use = tuple[Server, str, Any]
"""What a Redis is for, its URL, and a redis-py client of it."""


class RightsUnknown(NamedTuple):
    """A Redis cannot be asked for rights. ``url``: which one. ``error``: that of an outage, or a refusal."""

    url: str
    error: redis.RedisError


class Need(NamedTuple):
    """A command that a process runs, with the words that it would send. ``key``: empty if it needs none."""

    command: str
    key: str

    @property
    def words(self) -> tuple[str, ...]:
        arguments = _WORDS.get(self.command, ("{}",))
        return (
            *self.command.split("|"),
            *(word.format(self.key, n=len(self.key) and 1) for word in arguments),
        )

    def __str__(self) -> str:
        name = self.command.replace("|", " ").upper()
        return f"{name} on {self.key.encode('unicode_escape').decode()}" if self.key else name


def example_of(pattern: str) -> str:
    """Return a key that the pattern of a grant stands for."""
    key = re.sub(r"\[\^\.:\]\[\^\.:\]\[369\]$", "\x06\x163", pattern)
    return key.replace("[0-9]", "7").replace("*", "1")


def needs_of(role: Role, servers: Iterable[Server]) -> list[Need]:
    """Return what a role cannot do without, of a Redis with these uses."""
    grants: list[Grant] = [grant for grant in role.grants if grant.server in servers]
    keys = [
        Need(command, example_of(key))
        for grant in grants
        for command in grant.commands
        if command not in HELPFUL
        for key in grant.keys
    ]
    free = [Need(command, "") for command in role.free if command not in (*_OF_CHANNELS, *HELPFUL)]
    return list(dict.fromkeys([*free, *keys]))


def uses_of(services: Services) -> tuple[Use, ...]:
    """Return the uses of Redis of a process."""
    settings = services.settings
    return (
        ("broker", settings.broker, services.broker),
        ("results", settings.results, services.results),
        ("events", settings.events, services.redis),
    )


def lacking(client: Any, needs: Sequence[Need]) -> list[Need]:
    """Return those of ``needs`` that this user may not run; none if Redis is older than 7, and cannot tell.

    Nothing is run, and nothing gets into ``ACL LOG``. Raises redis-py's errors.
    """
    return [needs[place - 1] for place in client.eval(_ASK, 0, *(json.dumps(need.words) for need in needs))]


def check_rights(names: Iterable[str], uses: Sequence[Use], panel: bool = False) -> None:
    """Refuse to start if the user of this process lacks a right of the roles ``names``.

    Without it a message would wait in the middle of its way. ``panel``: whether remote control is open.
    """
    known = [role.name for role in ROLES if role.name in names]
    for found in missing(names, uses, panel):
        if isinstance(found, str):
            sys.exit(found)
        outage = redis_outage(found.error, "Redis does not answer")
        if outage.state == "wrong_login":
            sys.exit(f"{outage.text}.\n{outage.advice[:1].upper()}{outage.advice[1:]}")
        if outage.is_refusal:
            sys.exit(_another_user(found.url, known) + outage.text)
        logger.warning("%s: the rights of this process were not checked", outage.text)


def missing(names: Iterable[str], uses: Sequence[Use], panel: bool = False) -> Iterator[str | RightsUnknown]:
    """Yield what the user of this process lacks of the roles ``names``: a sentence for each Redis where it
    lacks something, and ``RightsUnknown`` for each that does not say so.
    """
    roles = [role for role in (with_panel() if panel else ROLES) if role.name in names]
    for url in dict.fromkeys(url for _, url, _ in uses):
        servers = [server for server, its_url, _ in uses if its_url == url]
        client = next(client for _, its_url, client in uses if its_url == url)
        try:
            needs = [need for role in roles for need in needs_of(role, servers)]
            if panel and "broker" in servers:
                needs.append(Need("subscribe", channel(client)))
            found = lacking(client, needs)
        except redis.RedisError as error:
            if not is_redis_outage(error):
                raise
            yield RightsUnknown(url, error)
            continue
        if found:
            yield _sentence(url, [role.name for role in roles], found, panel)


def _sentence(url: str, roles: Sequence[str], found: Sequence[Need], panel: bool) -> str:
    parts = urlsplit(url)
    server = f"Redis at {parts.hostname}:{parts.port or 6379}"
    another = _another_user(url, roles)
    refused = _listed(found, _SHOWN_OF_ANOTHER if another else _SHOWN)
    give = "Name that user, or give this one" if another else "Give it"
    file = "deploy/redis/users-panel.acl" if panel else "deploy/redis/users.acl"
    why = " (PLUGINS_REMOTE_CONTROL is on)" if panel else ""
    return (
        f"{another}{server} refuses the user {_user_of(url)}: {refused}.\n"
        f"{give} the line of {' and '.join(roles)} in {file}{why}, see deploy/redis/README.md"
    )


def _user_of(url: str) -> str:
    return unquote(urlsplit(url).username or "default")


def _another_user(url: str, roles: Sequence[str]) -> str:
    """Return what to say first if the URL names another user than that of the roles; else nothing."""
    if _user_of(url) in roles:
        return ""
    queues, users = (" and ".join(form.format(r) for r in roles) for form in ("plugin.{}", "`{}`"))
    return (
        f"the URL names the user `{_user_of(url)}`; a worker of {queues} needs the user {users}, "
        "or one with its rights. "
    )


def _listed(found: Sequence[Need], most: int) -> str:
    # The lists of another priority have control characters in their names: they come last.
    shown = sorted(found, key=lambda need: not need.key.isprintable())[:most]
    more = f", and {len(found) - most} more" if len(found) > most else ""
    return f"{', '.join(map(str, shown))}{more}"
