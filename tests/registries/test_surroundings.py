"""What the surroundings of the process say does not change what a registry is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.registries.attacks import GUARDED, PATH, Make, Oci, attempt
from tests.registries.conftest import SECRET
from tests.registries.double import Double, says
from worker.registries.http.adapter import GuardedAdapter

Patch = pytest.MonkeyPatch


class _SessionAdapter(GuardedAdapter):
    """What an ordinary requests session would do around the same adapter."""

    def send(self, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:  # type: ignore[override]
        if not hasattr(self, "session"):
            self.session = requests.Session()
        return self.session.get(str(request.url), headers=dict(request.headers), stream=True, timeout=5)

    def close(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
        super().close()


@pytest.fixture
def sessions(monkeypatch: Patch) -> Callable[[], None]:
    """Takes the guard out: requests go through an ordinary session."""
    return lambda: monkeypatch.setattr("worker.registries.http.pools.GuardedAdapter", _SessionAdapter)


@GUARDED
def test_cookies(
    double: Double, registries: Make, oci: Oci, sessions: Callable[[], None], guarded: bool
) -> None:
    double.behaviours[PATH] = says(200, {"tags": []}, {"Set-Cookie": "session=1; Path=/"})
    if not guarded:
        sessions()
    made = registries(f"http://{double.authority}")
    made.fetch(oci(double.authority))
    made.fetch(oci(double.authority))
    assert ("cookie" in double.asked[1].headers) is not guarded


@GUARDED
def test_a_proxy_of_the_environment(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    sessions: Callable[[], None],
    monkeypatch: Patch,
    guarded: bool,
) -> None:
    double.tags["app"] = []
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, trap.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("NO_PROXY", raising=False)
    if not guarded:
        sessions()
    attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert bool(trap.asked) is not guarded


@GUARDED
def test_a_netrc_of_the_environment(
    double: Double,
    registries: Make,
    oci: Oci,
    sessions: Callable[[], None],
    monkeypatch: Patch,
    tmp_path: Path,
    guarded: bool,
) -> None:
    double.tags["app"] = []
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    if not guarded:
        sessions()
    registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert bool(double.authorizations) is not guarded
