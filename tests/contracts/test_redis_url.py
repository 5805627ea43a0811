"""A URL of Redis is one, and whoever is behind `rediss://` is verified."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from contracts._redis.url import check_redis_url, tls_of
from contracts.client import PluginClient
from tests.support.tls import make_certificate
from worker.domain.repositories import Repositories
from worker.settings import Settings

WEAK = ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_OPTIONAL", "ssl_check_hostname=false"]
UNTAKEN = [
    "socket_connect_timeout=1",
    "socket_timeout=x",
    "decode_responses=true",
    "db=3",
    "foo=bar",
    "foo",
    "ssl_cert_reqs=CERT_REQUIRED",  # redis-py knows no such word
    "ssl_check_hostname=true&ssl_check_hostname=true",
    "ssl_keyfile=/k.pem",
    "ssl_ca_certs=",
    "ssl_ca_certs=/nowhere.pem",
    "ssl_certfile=/nowhere.pem",
]
WRONG = [
    "http://h",
    "h:6379",
    "redis://h/x",
    "redis://h:port/0",
    "redis://h:0/0",
    "redis://h:99999/0",
    "redis://[h/0",
    "REDIS://h",
    " redis://h",
    "redis://h/0?db=3",
    "redis://h/0?ssl_cert_reqs=required",
    *(f"rediss://h/0?{query}" for query in (*WEAK, *UNTAKEN)),
]


def test_plain_urls_need_no_tls() -> None:
    assert tls_of("redis://localhost:6379/0") is None


def test_rediss_verifies_and_takes_files_from_the_url() -> None:
    assert tls_of("rediss://h/0?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem") == {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
        "ssl_ca_certs": "/ca.pem",
        "ssl_certfile": "/c.pem",
        "ssl_keyfile": "/k.pem",
    }


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://:secret@h:6380/15", "rediss://h:1/0", "redis://[::1]/"]
)
def test_a_url_of_redis_is_taken(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize("url", WRONG)
def test_any_other_is_refused_wherever_one_is_given(url: str) -> None:
    with pytest.raises(ValueError):
        check_redis_url(url)
    for name in ("redis_url", "broker_url", "results_url", "events_url"):
        with pytest.raises(ValueError):
            Settings(**{name: url})  # type: ignore[arg-type]
    for arguments in ((url,), ("redis://h/0", url)):
        with pytest.raises(ValueError):
            PluginClient(*arguments)
    remote = {
        "repository_id": "repo-hq",
        "name": "HQ",
        "repository_type": "remote",
        "redis_url": url,
        "domain_id": "d",
    }
    with pytest.raises(ValueError, match="redis_url"):
        Repositories.of([{"repository_id": "r", "name": "L", "repository_type": "local"}, remote])


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@h:port/0", "redis://:1?hunter2@h/0", "redis://:1?hunter2=x@h/0"]
)
def test_what_is_refused_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError) as raised:
        check_redis_url(url)
    assert "hunter2" not in str(raised.value)


def test_an_option_that_is_none_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="bar, foo: a rediss:// URL has no options but ssl_ca_certs, "):
        check_redis_url("rediss://h/0?foo=1&bar=2&ssl_cert_reqs=required")
    with pytest.raises(ValueError, match="db: a redis:// URL has no options"):
        check_redis_url("redis://h/0?db=3")


@pytest.fixture
def given(tmp_path: Path) -> Callable[..., str]:
    """A URL whose options name these files; there is `ours.pem` with its key, and another key."""
    for name in ("ours", "other"):
        make_certificate(tmp_path, name)
    command = f"openssl rsa -aes128 -passout pass:x -in {tmp_path}/ours.key -out {tmp_path}/locked.key"
    subprocess.run(command.split(), check=True, capture_output=True, timeout=60)
    (tmp_path / "none.pem").write_text("none")
    return lambda **names: f"rediss://h/0?{urlencode({k: tmp_path / name for k, name in names.items()})}"


@pytest.mark.process
def test_files_that_tls_can_be_set_up_with_are_taken(given: Callable[..., str]) -> None:
    url = given(ssl_ca_certs="other.pem", ssl_certfile="ours.pem", ssl_keyfile="ours.key")
    assert check_redis_url(f"{url}&ssl_cert_reqs=required&ssl_check_hostname=true")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"ssl_ca_certs": "absent.pem"}, "ssl_ca_certs cannot be used: No such file"),
        ({"ssl_ca_certs": "none.pem"}, "ssl_ca_certs cannot be used: "),
        ({"ssl_certfile": "ours.pem"}, "ssl_certfile, with its ssl_keyfile, cannot be used: "),
        ({"ssl_certfile": "ours.pem", "ssl_keyfile": "other.key"}, "key values mismatch"),
        ({"ssl_certfile": "ours.pem", "ssl_keyfile": "locked.key"}, "ssl_certfile, with its ssl_keyfile, "),
    ],
    ids=["absent", "no certificate", "no key", "another key", "a key with a password"],
)
@pytest.mark.process
def test_others_are_refused(given: Callable[..., str], names: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_redis_url(given(**names))
