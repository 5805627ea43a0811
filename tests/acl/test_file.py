"""deploy/redis/users.acl: it says what the table of roles says, and what it allows is known."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.acl import matrix
from tests.support.guarded import GuardedRedis, redis_7
from tests.support.ports import free_port
from tests.support.servers import ROOT
from worker.devtools.acl import FILES, render
from worker.process.panel_roles import with_panel

FILE = ROOT / "deploy" / "redis" / "users.acl"
NEW_SINCE_7_0 = {"client|setinfo", "client|no-touch"}


@pytest.mark.parametrize("name", FILES)
def test_it_is_written_from_the_table(name: str) -> None:
    assert (FILE.parent / name).read_text() == render(FILES[name]), (
        "run: python -m worker.devtools.acl deploy/redis"
    )


def test_each_user_is_allowed_exactly_this(guarded: GuardedRedis) -> None:
    known = json.loads(matrix.ALLOWED.read_text())
    found = matrix.allowed(guarded)
    for user, commands in found.items():
        assert {name: keys for name, keys in commands.items() if name not in NEW_SINCE_7_0} == known[user], (
            "run: python -m tests.acl.matrix"
        )


def test_it_holds_no_password_that_can_be_used_by_accident(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--dir", str(tmp_path), "--aclfile", str(FILE)]
    started = subprocess.run(
        [str(redis_7().path), *arguments], capture_output=True, text=True, check=False, timeout=30
    )
    assert started.returncode != 0
    assert "password hash" in started.stdout


def test_each_user_is_explained_beside_it() -> None:
    told = re.findall(r"^\| `(\w+)` \|", (FILE.parent / "README.md").read_text(), re.MULTILINE)
    assert told == ["admin", "default", *(role.name for role in with_panel())]
