"""A challenge is read as the standard has it, and answered where its registry may send us."""

from __future__ import annotations

import pytest

from worker.registries.auth.challenge import Challenge, parse_challenge
from worker.registries.auth.realms import may_ask_for_token, registrable_domain
from worker.registries.http.origin import parse_url


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        ('Bearer realm="https://a/t",service="s",scope="x"', Challenge("bearer", "https://a/t", "s")),
        ('Basic realm="x", Bearer realm="https://a/t" , service=s', Challenge("bearer", "https://a/t", "s")),
        ('Bearer realm="https://a/t?x=1,2", Basic realm="y"', Challenge("bearer", "https://a/t?x=1,2", "")),
        ('BASIC realm="x"', Challenge("basic")),
        ("Basic", Challenge("basic")),
        ('Negotiate, Basic realm="a \\"b\\""', Challenge("basic")),
        ('Digest realm="x", nonce="y"', None),
        ("", None),
        (" , ,, ", None),
    ],
)
def test_challenges(header: str, challenge: Challenge | None) -> None:
    assert parse_challenge(header) == challenge


@pytest.mark.parametrize(
    ("registry", "realm", "allowed"),
    [
        ("https://registry-1.docker.io", "https://auth.docker.io/token", True),
        ("https://ghcr.io", "https://ghcr.io/token", True),
        ("https://public.ecr.aws", "https://public.ecr.aws/token/", True),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("https://registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", True),
        ("https://harbor.corp.example:8443", "https://harbor.corp.example/service/token", True),
        ("https://ghcr.io", "https://ghcr.io.evil.test/token", False),
        ("https://ghcr.io", "https://evilghcr.io/token", False),
        ("https://ghcr.io", "http://ghcr.io/token", False),
        ("https://mine.azurecr.io", "https://yours.azurecr.io/token", False),
        ("https://mine.azurecr.cn", "https://yours.azurecr.cn/token", False),
        ("https://mine.azurecr.us", "https://yours.azurecr.us/token", False),
        ("https://1.dkr.ecr.eu-isoe-west-1.amazonaws.eu", "https://evil.amazonaws.eu/", False),
        ("https://victim.sonatype.app", "https://evil.sonatype.app/", False),
        ("https://a.s3.us-east-1.amazonaws.com", "https://b.s3.us-east-1.amazonaws.com/", False),
        ("https://registry.one.co.uk", "https://auth.two.co.uk/", False),
        ("https://registry.one.co.uk", "https://auth.one.co.uk/", True),
        ("https://victim.kr.ncr.ntruss.com", "https://evil.kr.ncr.ntruss.com/", False),
        ("https://victim.cr.volces.com", "https://evil.cr.volces.com/", False),
        ("https://victim.synology.me", "https://evil.synology.me/", False),
        ("https://victim.ddns.net", "https://evil.ddns.net/", False),
        ("https://victim.tokyo.jp", "https://evil.tokyo.jp/", False),
        ("https://victim.ngrok.dev", "https://evil.ngrok.dev/", False),
        ("https://victim.github.io", "https://evil.github.io/", False),
        ("https://victim.kr-central-2.kcr.dev", "https://evil.kr-central-2.kcr.dev/", False),
        ("https://registry.hp.com", "https://auth.hp.com/", True),
        ("https://registry.corp.internal", "https://auth.corp.internal/", True),
        ("https://10.0.0.1", "https://10.0.0.2/", False),
        ("http://registry", "http://other/", False),
    ],
)
def test_where_a_token_may_be_had(registry: str, realm: str, allowed: bool) -> None:
    assert may_ask_for_token(parse_url(registry)[0], parse_url(realm)[0]) is allowed


def test_no_registrable_domain() -> None:
    assert registrable_domain("localhost") is None
    assert registrable_domain("10.0.0.1") is None
    assert registrable_domain("[::1]") is None
    assert registrable_domain("co.uk") is None
    assert registrable_domain("github.io") is None
