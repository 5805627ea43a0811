"""A URL of Redis is one, and whoever is behind `rediss://` is verified."""

import ssl

import pytest

from contracts.client import PluginClient
from contracts.redis_url import check_redis_url, tls_of
from worker.domain.repositories import Repositories
from worker.settings import Settings

WEAK = ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_OPTIONAL", "ssl_check_hostname=false"]
WRONG = [
    "http://h",
    "h:6379",
    "redis://h/x",
    "redis://h:port/0",
    "redis://h:0/0",
    "redis://h:99999/0",
    "redis://[h/0",
    *(f"rediss://h/0?{query}" for query in WEAK),
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


def test_what_is_refused_is_not_shown() -> None:
    with pytest.raises(ValueError) as raised:
        check_redis_url("redis://:hunter2@h:port/0")
    assert "hunter2" not in str(raised.value)
