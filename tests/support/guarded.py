"""A Redis 7 whose users are those of deploy/redis/users.acl, each with a password of its own."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from worker.devtools.acl import password_of, render
from worker.devtools.embedded import Binary, RedisServer, redis_binaries
from worker.process.grants import Role
from worker.process.panel_roles import with_panel
from worker.process.roles import ROLES

USERS = ("admin", *(role.name for role in with_panel()))


def redis_7() -> Binary:
    """The oldest Redis at hand that has selectors in its ACLs; without one, the test is skipped."""
    new = [binary for binary in redis_binaries() if binary.version >= (7,)]
    if not new:
        pytest.skip("the ACLs need Redis 7: apt-get install redis-server")
    return min(new, key=lambda binary: binary.version)


def with_passwords(text: str) -> str:
    """The file with `secret-USER` as the password of each user."""
    for user in USERS:
        text = text.replace(f" {password_of(user)} ", f" >secret-{user} ")
    return text


class GuardedRedis(RedisServer):
    """A redis-server with the file, filled in; `roles`: others than those of the product."""

    def __init__(self, directory: Path, roles: tuple[Role, ...] = ROLES) -> None:
        super().__init__(directory, appendfsync="everysec", maxmemory="256mb", binary=redis_7())
        directory.mkdir(parents=True, exist_ok=True)
        self.file = directory / "users.acl"
        self.file.write_text(with_passwords(render(roles)))
        self.arguments += ["--aclfile", str(self.file)]

    def url_of(self, user: str) -> str:
        return self.url.replace("://", f"://{user}:secret-{user}@")

    def client(self, user: str = "admin", **options: Any) -> Redis:
        return Redis.from_url(self.url_of(user), **options)

    def denied(self) -> list[str]:
        """What was denied, by user, since the start or `forget_denied`."""
        with self.client(decode_responses=True) as admin:
            entries = admin.execute_command("ACL", "LOG", "1000")
        return [f"{e['username']}: {e['context']} {e['reason']} {e['object']}" for e in entries]

    def forget(self) -> None:
        """Empty it, and forget what was denied."""
        with self.client() as admin:
            admin.flushall()
            admin.script_flush()
            admin.execute_command("ACL", "LOG", "RESET")

    def _answers(self) -> bool:
        with self.client(socket_connect_timeout=1, socket_timeout=2) as admin:
            try:
                return self.running and bool(admin.info("server")["process_id"] == self.pid)
            except (RedisError, OSError):
                return False
