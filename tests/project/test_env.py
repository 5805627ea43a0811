"""`make env`: passwords are made once, and nobody else on the machine may read them."""

import shutil
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from deploy import env
from tests.support.servers import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "deploy" / "redis").mkdir(parents=True)
    shutil.copy(ROOT / env.USERS, tmp_path / env.USERS)
    return tmp_path


def written(root: Path) -> dict[str, str]:
    return dict(line.split("=") for line in (root / env.ENV).read_text().splitlines())


def test_each_password_is_another_and_long(root: Path) -> None:
    assert not env.write(root)
    passwords = list(written(root).values())
    assert len(set(passwords)) == len(passwords) > 10
    assert all(len(password) == 64 for password in passwords)


def test_nobody_else_may_read_them(root: Path) -> None:
    env.write(root)
    assert stat.S_IMODE((root / env.ENV).stat().st_mode) == 0o600


def test_what_is_there_stays(root: Path) -> None:
    env.write(root)
    before = (root / env.ENV).read_text()
    assert env.write(root)
    assert (root / env.ENV).read_text() == before


def test_a_new_user_is_added_to_what_is_there(root: Path) -> None:
    env.write(root)
    before = written(root)
    with (root / env.USERS).open("a") as users:
        users.write("user shipping on #PASSWORD-OF-shipping -@all\n")
    assert not env.write(root)
    after = written(root)
    assert after.keys() - before.keys() == {"REDIS_SHIPPING_PASSWORD"}
    assert before.items() <= after.items()


def test_redis_gets_the_hashes_alone(root: Path) -> None:
    env.write(root)
    filled = (root / env.FILLED).read_text()
    assert "PASSWORD" not in filled
    for name, password in written(root).items():
        assert password not in filled
        assert not name.startswith("REDIS_") or sha256(password.encode()).hexdigest() in filled


@pytest.mark.parametrize("file", [env.ENV, env.FILLED])
def test_git_and_the_image_leave_them_out(file: str) -> None:
    assert Path(file).name in (ROOT / ".gitignore").read_text().splitlines()
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert Path(file).parts[0] not in kept
