"""Servers that the environment names: what is shown of their URLs."""

from __future__ import annotations

import pytest

from tests.support.servers import free_port
from worker.devtools.embedded import ServerFailed, ping_mongodb, ping_redis, without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://u:s3cret@h:1/0?ssl_ca_certs=/s3cret", "rediss://h:1/0"),
        ("mongodb://app:s3cret@a:1,b:2/plugins?replicaSet=s3cret", "mongodb://a:1,b:2/plugins"),
        ("mongodb+srv://app:s3cret/x@db.example/plugins", "mongodb+srv://db.example/plugins"),
        ("mongodb://app:s3cret@x@db.example/plugins", "mongodb://db.example/plugins"),
        ("redis://:s3cret#x@h:1/0", "redis://h:1/0"),
        ("redis://:s3cret?x@h:1/0", "redis://..."),
        ("redis://h:1/0?password=x@s3cret", "redis://..."),
    ],
)
def test_no_part_of_a_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_one_that_does_not_answer_is_told_without_its_password() -> None:
    port = free_port()
    for ping, url in (
        (ping_redis, f"redis://u:s3cret@127.0.0.1:{port}/0"),
        (ping_mongodb, f"mongodb://u:s3cret@127.0.0.1:{port}/plugins"),
    ):
        with pytest.raises(ServerFailed, match=rf"^{url.split(':')[0]}://127.0.0.1:{port}/") as error:
            ping(url)
        assert "s3cret" not in str(error.value)
