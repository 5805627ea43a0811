"""Given a registry that asks to be left alone, then it is said for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import formatdate
from time import asctime, gmtime, tzset

import pytest
from requests.structures import CaseInsensitiveDict

from tests.registries.double import Double, Handler, says
from worker.domain.image import FetchFailed, ImageRef
from worker.registries.http.retry_after import retry_after
from worker.registries.registries import Registries

NOW = 1_700_000_000.0


@pytest.fixture
def seoul(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose local time is not UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Seoul")
        tzset()
        yield
    tzset()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"Retry-After": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"Retry-After": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"Retry-After": str(int(NOW) + 60)}, 60.0),
        ({"X-Retry-After": str(int(NOW) + 45)}, 45.0),
        ({"X-Retry-After": str(int(NOW) - 45)}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 30)}, 30.0),
        ({"X-RateLimit-Remaining": "0;w=60", "X-RateLimit-Reset": str(int(NOW) + 30)}, 30.0),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": str(int(NOW) + 30)}, None),
        ({"Retry-After": "1e308"}, 21_600.0),
        ({"Retry-After": "100000"}, 21_600.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1e300"}, 21_600.0),
        ({"Retry-After": asctime(gmtime(NOW + 3_600))}, 3_600.0),
        ({"Retry-After": "-5"}, 0.0),
        # Twice, from a registry and its proxy: one header for us. The later time counts.
        ({"Retry-After": "60, 60"}, 60.0),
        ({"Retry-After": "60,120"}, 120.0),
        ({"Retry-After": ", 60 ,"}, 60.0),
        ({"Retry-After": f"{formatdate(NOW + 90, usegmt=True)}, {formatdate(NOW + 60, usegmt=True)}"}, 90.0),
        ({"Retry-After": f"30, {formatdate(NOW + 90, usegmt=True)}"}, 90.0),
        ({"Retry-After": "soon, 60"}, 60.0),
        ({"Retry-After": '"60"'}, 60.0),
        ({"Retry-After": "60s"}, 60.0),
        ({"Retry-After": str(int(NOW * 1000) + 45_000)}, 45.0),
        ({"Retry-After": "soon", "RateLimit-Reset": "30"}, 30.0),
        ({"X-Retry-After": f"{int(NOW) + 45}, {int(NOW) + 45}"}, 45.0),
        # Limits, as drafts and clouds spell them.
        ({"RateLimit-Reset": "30"}, 30.0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOW) + 30)}, 30.0),
        ({"RateLimit-Remaining": "0;w=21600"}, None),
        ({"RateLimit-Remaining": "7", "RateLimit-Reset": "30"}, None),
        ({"X-RateLimit-Reset": "30"}, 30.0),
        ({"X-RateLimit-Remaining": "0, 0", "X-RateLimit-Reset": "30, 40"}, 40.0),
        ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(int(NOW) + 30)}, 30.0),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, 50.0),
        ({"RateLimit": "limit=100;remaining=0;reset=50"}, 50.0),
        ({"RateLimit": "reset=50, remaining=0, limit=100"}, 50.0),
        ({"RateLimit": "limit=100, remaining=3, reset=50"}, None),
        ({"RateLimit": '"default";r=0;t=30'}, 30.0),
        ({"RateLimit": '"burst";r=0;t=5, "day";r=0;t=3600, "other";r=9;t=7200'}, 3600.0),
        ({"RateLimit": '"default";t=30;r=0'}, 30.0),
        ({"RateLimit": '"default";r=0'}, None),
        ({"RateLimit": '"default";r=0;t=9999999'}, 21_600.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Mon, 99 Nov 99999 00:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None, seoul: None) -> None:
    assert retry_after(CaseInsensitiveDict(headers), NOW) == seconds


@pytest.mark.parametrize("status", [429, 503, 403])
def test_a_throttled_fetch_says_for_how_long(
    double: Double,
    registries: Callable[..., Registries],
    oci: Callable[..., ImageRef],
    status: int,
) -> None:
    double.behaviours["/v2/app/tags/list"] = says(status, b"<html>", {"Retry-After": "11"})
    made = registries(f"http://{double.authority}")
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(double.authority))
    assert (failed.value.reason, failed.value.retry_after) == ("throttled", 11.0)
    assert len(double.asked) == 1


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"}, "throttled"),
        ({"X-RateLimit-Remaining": "0"}, "throttled"),
        ({"RateLimit": '"default";r=0;t=9'}, "throttled"),
        ({"X-Retry-After": "9"}, "throttled"),
        ({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "9"}, "auth"),
        ({"X-RateLimit-Reset": "9"}, "auth"),
        ({}, "auth"),
    ],
)
def test_a_limit_may_be_told_with_a_403(
    double: Double,
    registries: Callable[..., Registries],
    oci: Callable[..., ImageRef],
    headers: dict[str, str],
    reason: str,
) -> None:
    """As GitHub tells its secondary limits; with something left it is a refusal."""
    double.behaviours["/v2/app/tags/list"] = says(403, b"", headers)
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert failed.value.reason == reason


def _hangs(handler: Handler, status: int) -> None:
    handler.raw(b"HTTP/1.1 %d Status\r\nContent-Length: 99\r\nRetry-After: 3600\r\n\r\nsome" % status)
    handler.connection.recv(1)  # until the client hangs up


def _cut_short(handler: Handler, status: int) -> None:
    handler.raw(b"HTTP/1.1 %d Status\r\nContent-Length: 99\r\nRetry-After: 3600\r\n\r\nsome" % status)
    handler.close_connection = True


def _encoded(encoding: str) -> Callable[[Handler, int], None]:
    headers = {"Retry-After": "3600", "Content-Encoding": encoding}
    return lambda handler, status: handler.reply(status, b"<html>", headers)


def _huge(handler: Handler, status: int) -> None:
    handler.reply(status, b" " * (9 << 20), {"Retry-After": "3600"})


@pytest.mark.parametrize(
    ("status", "reason", "retry_after"),
    [(429, "throttled", 3_600.0), (503, "throttled", 3_600.0), (404, "not_found", None)],
)
@pytest.mark.parametrize(
    "body", [_hangs, _cut_short, _encoded("br"), _encoded("gzip"), _huge], ids=lambda body: body.__name__
)
@pytest.mark.parametrize("where", ["list", "token"])
def test_a_status_says_all_whatever_its_body(
    double: Double,
    registries: Callable[..., Registries],
    oci: Callable[..., ImageRef],
    body: Callable[[Handler, int], None],
    status: int,
    reason: str,
    retry_after: float | None,
    where: str,
) -> None:
    path = "/v2/app/tags/list"
    if where == "token":
        challenge = f'Bearer realm="{double.url}/token"'
        double.behaviours[path] = says(401, b"", {"WWW-Authenticate": challenge})
        path, reason = "/token", "auth" if status == 404 else reason
    double.behaviours[path] = lambda handler: body(handler, status)
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert (failed.value.reason, failed.value.retry_after) == (reason, retry_after)
