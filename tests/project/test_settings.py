"""Settings from the environment: what is wrong is named, and no secret with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker.settings import SettingsError, load

SECRET = "s3cr3t"
ENTRY = f'{{repository_id: hq, repository_type: remote, redis_url: "rediss://u:{SECRET}@hq"}}'


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PLUGINS_")]:
        monkeypatch.delenv(name)


def refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^wrong settings: {name}: ") as fault:
        load()
    return str(fault.value)


@pytest.mark.parametrize("value", [f"- {ENTRY}", f"- {ENTRY}\n" * 100], ids=["short", "long"])
def test_yaml_in_place_of_its_path_is_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    told = refused(monkeypatch, "PLUGINS_REPOSITORIES", value)
    assert "cannot be read" in told
    assert SECRET not in told
    assert "repository_id" not in told


def test_json_that_is_none_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refused(monkeypatch, "PLUGINS_REPOSITORIES", f'[\n{{"redis_url": "{SECRET}"')
    assert told.partition(", column")[0].endswith("is not valid JSON: line 2")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"- {{redis_url: a\n   token: {SECRET}}}\n".encode(), "is not valid YAML: line 2"),
        (f"- !{SECRET} x".encode(), "uses a tag (!): quote what is to be a text: line 1"),
        (f"- {SECRET}\x01".encode(), "is not valid YAML"),
        (SECRET.encode() + b"\xff", "is not UTF-8"),
        (b"[1, " * 100_000, "is nested deeper than 32 levels: line 1"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["comma", "tag", "control", "utf8", "deep", "absent"],
)
def test_a_file_that_cannot_be_read_is_told_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    file = tmp_path / "repositories.yaml"
    if content is not None:
        file.write_bytes(content)
    told = refused(monkeypatch, "PLUGINS_REPOSITORIES", str(file))
    assert told.partition(", column")[0].endswith(f": {said}")
    assert SECRET not in told


def test_repositories_are_read_from_json_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUGINS_REPOSITORIES", ' [{"repository_id": "a"}]')
    assert load().repositories == ({"repository_id": "a"},)
    file = tmp_path / "repositories.yaml"
    file.write_text("- {repository_id: é}\n", encoding="utf-8")
    monkeypatch.setenv("PLUGINS_REPOSITORIES", str(file))
    assert load().repositories == ({"repository_id": "é"},)


@pytest.mark.parametrize("value", ["inf", "nan", "1e12"])
@pytest.mark.parametrize("name", ["PLUGINS_SYNC_MIN_INTERVAL_S", "PLUGINS_SYNC_MAX_INTERVAL_S"])
def test_an_interval_is_a_year_at_most(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """No due time is past what a date can be."""
    assert name in refused(monkeypatch, name, value)


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
def test_a_password_that_is_not_encoded_is_no_host(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    told = refused(monkeypatch, "PLUGINS_MONGODB_URL", f"{scheme}://app:p@{SECRET}/x@db.example/plugins")
    assert told.endswith("user and password must be percent-encoded")
    assert SECRET not in told


def test_what_is_no_setting_is_named_with_the_one_that_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PLUGINS_COMAND_PARTITIONS", SECRET)
    monkeypatch.setenv("plugins_lease", SECRET)
    monkeypatch.setenv("PLUGINS_QQQ", SECRET)
    load()
    (told,) = caplog.messages
    assert told.endswith(
        ": PLUGINS_COMAND_PARTITIONS (PLUGINS_COMMAND_PARTITIONS?), PLUGINS_QQQ, "
        "plugins_lease (PLUGINS_LEASE_S?)"
    )
    assert SECRET not in told


def test_every_variable_that_is_read_is_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("PLUGINS_LEASE_S", "plugins_max_results"):
        monkeypatch.setenv(name, "5")
    for name in ("PLUGINS_DOMAIN_ID", "PLUGINS_REPLAY_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    assert (load().lease_s, load().max_results) == (5, 5)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("name", "most"), [("PLUGINS_EVENTS_MAXLEN", 10**12), ("PLUGINS_MAX_RESULTS", 10**6)]
)
def test_a_number_is_one_that_the_servers_can_work_with(
    monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    for number in (0, most + 1, 2**63):
        refused(monkeypatch, name, str(number))
    for number in (1, most):
        monkeypatch.setenv(name, str(number))
        assert load().model_dump()[name.removeprefix("PLUGINS_").lower()] == number
