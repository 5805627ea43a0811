"""A challenge is read as the standard has it, and answered where its registry may send us."""

from __future__ import annotations

import pytest

from worker.registries.auth.challenge import Challenge, parse_challenges
from worker.registries.auth.realms import Realms, registrable_domain
from worker.registries.http.origin import parse_url

BASIC = Challenge("basic")
BEARER = Challenge("bearer", "https://a/t", "s")


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ('Bearer realm="https://a/t",service="s",scope="x"', [BEARER]),
        ('Basic realm="x", Bearer realm="https://a/t" , service=s', [BEARER, BASIC]),
        (
            'Bearer realm="https://a/t?x=1,2", Basic realm="y"',
            [Challenge("bearer", "https://a/t?x=1,2"), BASIC],
        ),
        ('BASIC realm="x"', [BASIC]),
        ("Basic", [BASIC]),
        ("basic", [BASIC]),
        ('Negotiate, Basic realm="a \\"b\\""', [BASIC]),
        # Data instead of parameters: token68 of RFC 9110.
        ('Negotiate YII/Jv==, Basic realm="x"', [BASIC]),
        ('Basic realm="x", Negotiate YII/Jv==', [BASIC]),
        ('Negotiate a+b/c~d._-==,NTLM TlRMTVNTUAAC=,Bearer realm="https://a/t",service="s"', [BEARER]),
        ("Negotiate basic", []),
        ("Bearer abc==", [Challenge("bearer")]),
        # Spaces, order, commas, empty elements, escapes, one name in any case.
        ('Bearer realm = "https://a/t" , service\t=\t"s"', [BEARER]),
        ('bEaReR scope="repository:a/b:pull,push",SERVICE="s",REALM="https://a/t"', [BEARER]),
        (', ,Bearer realm="https://a/t",,service="s", ,', [BEARER]),
        ('Bearer realm="https:\\/\\/a/t",service="\\s"', [BEARER]),
        ('Bearer realm="https://a/t",service="s"\r\n Basic realm="x"', [BEARER, BASIC]),
        # IBM's registry writes no quotes.
        ("Bearer realm=https://a/t, service=s, scope=repository:cp/app:pull", [BEARER]),
        # NVIDIA's names no service.
        ('Bearer realm="https://a/t",scope="repository:a:pull"', [Challenge("bearer", "https://a/t")]),
        # Several of one scheme: the first that can be answered.
        ('Bearer error="invalid_token", Bearer realm="https://a/t",service="s"', [BEARER]),
        ('Bearer realm="https://a/t",service="s", Bearer realm="https://b/t"', [BEARER]),
        ('Bearer, Basic realm="x"', [BASIC]),
        # What cannot be read hides nothing behind it.
        ('Custom =?, Basic realm="x"', [BASIC]),
        ('"quoted, Basic", Basic realm="x"', [BASIC]),
        ('Custom a="never closed, Basic realm=', []),
        ('Digest realm="x", nonce="y"', []),
        ('Custom note="Basic realm=x"', []),
        ("", []),
        (" , ,, ", []),
        ('"', []),
        ('"\\', []),
    ],
)
def test_challenges(header: str, challenges: list[Challenge]) -> None:
    assert parse_challenges(header) == challenges


def test_a_reason_is_read_and_makes_no_other_challenge() -> None:
    (challenge,) = parse_challenges('Bearer realm="https://a/t",service="s",error="insufficient_scope"')
    assert (challenge, challenge.error) == (BEARER, "insufficient_scope")


@pytest.mark.parametrize("piece", ['a="', '"\\"', "a=b,", "a ", '\\"', "a=", "=", 'a="x" '])
def test_no_header_takes_long(piece: str) -> None:
    """A pattern that goes back and forth would not come to an end."""
    parse_challenges("Bearer " + piece * 20_000)


@pytest.mark.parametrize(
    ("registry", "realm", "allowed"),
    [
        ("https://registry-1.docker.io", "https://auth.docker.io/token", True),
        ("https://ghcr.io", "https://ghcr.io/token", True),
        ("https://public.ecr.aws", "https://public.ecr.aws/token/", True),
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", True),
        ("https://registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", True),
        ("https://quay.io", "https://quay.io/v2/auth", True),
        ("https://docker.elastic.co", "https://docker-auth.elastic.co/auth", True),
        ("https://registry.connect.redhat.com", "https://sso.redhat.com/auth", True),
        ("https://europe-docker.pkg.dev", "https://europe-docker.pkg.dev/v2/token", True),
        ("https://mine.azurecr.io", "https://mine.azurecr.io/oauth2/token", True),
        ("https://iad.ocir.io", "https://iad.ocir.io/20180419/docker/token", True),
        ("https://us.icr.io", "https://us.icr.io/oauth/token", True),
        ("https://dhi.io", "https://dhi.io/token", True),
        ("https://swr.cn-north-4.myhuaweicloud.com", "https://swr.cn-north-4.myhuaweicloud.com/swr/", True),
        ("https://ccr.ccs.tencentyun.com", "https://ccr.ccs.tencentyun.com/service/token", True),
        # The places that only the table knows.
        ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com/registry-internal/v1/tokens", True),
        ("https://rg.nl-ams.scw.cloud", "https://api.scaleway.com/", True),
        ("https://lscr.io", "https://ghcr.io/token", True),
        ("https://nvcr.io", "https://authn.nvidia.com/token", True),
        ("https://registry.redhat.io", "https://sso.redhat.com/auth", True),
        ("https://registry.cn-shanghai.aliyuncs.com", "https://dockerauth.cn-hangzhou.aliyuncs.com/", True),
        ("https://registry.us-west-1.aliyuncs.com", "https://dockerauth.us-west-1.aliyuncs.com/auth", True),
        (
            "https://registry-vpc.cn-chengdu.aliyuncs.com",
            "https://dockerauth-vpc.cn-chengdu.aliyuncs.com",
            True,
        ),
        (
            "https://acme-registry.cn-hangzhou.cr.aliyuncs.com",
            "https://dockerauth-ee.cn-hangzhou.aliyuncs.com/",
            True,
        ),
        (
            "https://crpi-x1.cn-beijing.personal.cr.aliyuncs.com",
            "https://dockerauth.cn-hangzhou.aliyuncs.com/",
            True,
        ),
        ("https://registry.aliyuncs.com", "https://dockerauth.aliyuncs.com/auth", True),
        ("https://acme-registry.cn-hangzhou.cr.aliyuncs.com", "https://dockerauth.aliyuncs.com/auth", True),
        (
            "https://registry-intl-vpc.ap-southeast-5.aliyuncs.com",
            "https://dockerauth-vpc.ap-southeast-5.aliyuncs.com/auth",
            True,
        ),
        ("https://ccr-2v-pub.cnc.bj.baidubce.com", "https://ccr-auth.bj.baidubce.com/service/token", True),
        # Their neighbours, and whoever has a name like theirs.
        ("https://evil.fr-par.scw.cloud", "https://api.scaleway.com/", False),
        ("https://rg.fr-par.scw.cloud", "https://evil.fr-par.scw.cloud/", False),
        ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com.evil.test/", False),
        ("https://rg.fr-par.scw.cloud", "https://apixscaleway.com/", False),
        ("https://rg.fr-par.scw.cloud", "https://api.scaleway.com:8443/", False),
        ("https://rg.fr-par.scw.cloud", "http://api.scaleway.com/", False),
        ("https://ghcr.io", "https://lscr.io/token", False),
        ("https://lscr.io", "https://evil.ghcr.io/token", False),
        (
            "https://registry.cn-shanghai.aliyuncs.com",
            "https://dockerauth.oss-cn-hangzhou.aliyuncs.com/",
            False,
        ),
        ("https://registry.cn-shanghai.aliyuncs.com", "https://evil.cn-shanghai.aliyuncs.com/", False),
        ("https://registry.aliyuncs.com", "https://evil.aliyuncs.com/", False),
        ("https://evil.aliyuncs.com", "https://dockerauth.aliyuncs.com/", False),
        (
            "https://a-registry.cn-hangzhou.cr.aliyuncs.com",
            "https://b-registry.cn-hangzhou.cr.aliyuncs.com/",
            False,
        ),
        ("https://evil.oss-cn-hangzhou.aliyuncs.com", "https://dockerauth.cn-hangzhou.aliyuncs.com/", False),
        ("https://ccr-2v-pub.cnc.bj.baidubce.com", "https://ccr-auth.gz.baidubce.com/", False),
        ("https://ccr-2v-pub.cnc.bj.baidubce.com", "https://evil.bj.baidubce.com/", False),
        ("https://europe-docker.pkg.dev", "https://evil.pkg.dev/", False),
        ("https://iad.ocir.io", "https://evil.ocir.io/", False),
        ("https://swr.cn-north-4.myhuaweicloud.com", "https://evil.myhuaweicloud.com/", False),
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
    assert (Realms().refusal(parse_url(registry)[0], parse_url(realm)[0]) is None) is allowed


def test_no_registrable_domain() -> None:
    assert registrable_domain("localhost") is None
    assert registrable_domain("10.0.0.1") is None
    assert registrable_domain("[::1]") is None
    assert registrable_domain("co.uk") is None
    assert registrable_domain("github.io") is None
