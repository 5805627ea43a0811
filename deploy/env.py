"""Writes what Docker Compose reads, once: .env with random passwords, and Redis's users with their hashes.

What is there stays: a password that is in .env is kept, and one that lacks is added. Run it again after the
users have changed. It needs nothing but Python.
"""

import os
import re
import secrets
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENV = ".env"
USERS = "deploy/redis/users-panel.acl"
"""Compose opens the panel, for Flower; see deploy/redis/README.md."""
FILLED = "deploy/redis/users.local.acl"

_PLACEHOLDER = re.compile(r"#PASSWORD-OF-([a-z]+)")
_OTHERS = ("MONGODB_ROOT_PASSWORD", "MONGODB_PLUGINS_PASSWORD", "MONGODB_KEY", "FLOWER_PASSWORD")


def variable_of(user: str) -> str:
    """Return the variable that holds the password of a user of Redis."""
    return f"REDIS_{user.upper()}_PASSWORD"


def write(root: Path) -> bool:
    """Write both files below ``root``; return whether there was nothing to add to .env."""
    users = (root / USERS).read_text()
    names = [*map(variable_of, _PLACEHOLDER.findall(users)), *_OTHERS]
    known = _read(root / ENV)
    # In a URL, in YAML and in a shell, hex needs no quotes.
    added = {name: secrets.token_hex(32) for name in names if name not in known}
    if added:
        _add(root / ENV, added)
    passwords = known | added
    filled = _PLACEHOLDER.sub(lambda found: f"#{_hash(passwords[variable_of(found[1])])}", users)
    (root / FILLED).write_text(filled)
    return not added


def _read(file: Path) -> dict[str, str]:
    lines = file.read_text().splitlines() if file.exists() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _add(file: Path, added: dict[str, str]) -> None:
    # Nobody else may read it, not even while it is written.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as opened:
        opened.writelines(f"{name}={value}\n" for name, value in added.items())


def _hash(password: str) -> str:
    return sha256(password.encode()).hexdigest()


if __name__ == "__main__":
    kept = write(ROOT)
    sys.stdout.write(f"{ENV} is {'as it was' if kept else 'written'}; {FILLED} is written\n")
