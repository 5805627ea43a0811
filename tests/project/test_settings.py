"""Settings from the environment: what is wrong is named, and no secret with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from worker.settings import Settings, SettingsError, load_connections, load_settings

SECRET = "s3cr3t"
ENTRY = f'{{repository_id: hq, repository_type: remote, redis_url: "rediss://u:{SECRET}@hq"}}'


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PLUGINS_")]:
        monkeypatch.delenv(name)


def refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^wrong settings: {name}: ") as fault:
        load_settings()
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
    monkeypatch.setenv(
        "PLUGINS_REPOSITORIES", ' [{"repository_id": "a", "name": "A", "repository_type": "local"}]'
    )
    assert load_settings().repositories.local.repository_id == "a"
    file = tmp_path / "repositories.yaml"
    file.write_text("- {repository_id: e, name: é, repository_type: local}\n", encoding="utf-8")
    monkeypatch.setenv("PLUGINS_REPOSITORIES", str(file))
    assert load_settings().repositories.local.info.name == "é"


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
    load_settings()
    assert caplog.messages == [
        "unknown setting PLUGINS_COMAND_PARTITIONS; did you mean PLUGINS_COMMAND_PARTITIONS?",
        "unknown setting PLUGINS_QQQ",
        "unknown setting plugins_lease; did you mean PLUGINS_LEASE_S?",
    ]


def test_every_variable_that_is_read_is_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("PLUGINS_LEASE_S", "plugins_max_results"):
        monkeypatch.setenv(name, "5")
    for name in ("PLUGINS_DOMAIN_ID", "PLUGINS_REPLAY_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    assert (load_settings().lease_s, load_settings().max_results) == (5, 5)
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
        assert getattr(load_settings(), name.removeprefix("PLUGINS_").lower()) == number


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLUGINS_MONGODB_URL", f"mongodb://app:{SECRET}@db.example:999999/plugins"),
        ("PLUGINS_REPOSITORIES", '[{"repository_id": "a", "name": "A", "repository_type": "managed"}]'),
        ("PLUGINS_ALLOWED_REGISTRIES", "10.0.0.1/8"),
        ("PLUGINS_REGISTRY_MIRRORS", f"OCI=ftp://u:{SECRET}@mirror"),
        ("PLUGINS_REGISTRY_CREDENTIALS", "/nowhere"),
        ("PLUGINS_REGISTRY_BUDGETS", "ghcr.io=5"),
        ("PLUGINS_REGISTRY_CAPS", "pages=0"),
        ("PLUGINS_REGISTRY_CA_FILES", "registry.example=/nowhere"),
        ("PLUGINS_REGISTRY_REALMS", f"registry.example=https://u:{SECRET}@auth.example"),
        ("PLUGINS_REGISTRY_PROXY", f"https://u:{SECRET}@proxy.example:3128"),
        ("PLUGINS_REGISTRY_NO_PROXY", "10.0.0.1/8"),
        ("PLUGINS_REGISTRY_PROXY_NAMES", SECRET),
    ],
)
def test_a_setting_with_a_language_of_its_own_is_read_at_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert SECRET not in refused(monkeypatch, name, value)


def test_the_settings_of_the_proxy_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGINS_REGISTRY_NO_PROXY", "harbor.example,10.0.0.0/8")
    monkeypatch.setenv("PLUGINS_REGISTRY_PROXY_NAMES", "1")
    assert load_settings().proxy is None
    monkeypatch.setenv("PLUGINS_REGISTRY_PROXY", f"http://u:{SECRET}@proxy.example:3128")
    settings = load_settings()
    proxy = settings.proxy
    assert proxy is not None
    assert (proxy.port, proxy.looks_up, proxy.spares("harbor.example", 443)) == (3128, True, True)
    assert SECRET not in repr(settings)
    assert "Basic" not in repr(settings)


def test_several_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGINS_LEASE_S", "0")
    assert "PLUGINS_LEASE_S: " in refused(monkeypatch, "PLUGINS_COMMAND_PARTITIONS", "x")


@pytest.mark.parametrize(("shortest", "longest"), [("100", "50"), (None, "50")])
def test_the_shortest_interval_is_not_above_the_longest(
    monkeypatch: pytest.MonkeyPatch, shortest: str | None, longest: str
) -> None:
    monkeypatch.setenv("PLUGINS_SYNC_MAX_INTERVAL_S", longest)
    if shortest is not None:
        monkeypatch.setenv("PLUGINS_SYNC_MIN_INTERVAL_S", shortest)
    with pytest.raises(SettingsError, match="PLUGINS_SYNC_MIN_INTERVAL_S: must not be more than the longest"):
        load_settings()


def test_the_token_of_a_remote_repository_names_a_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    local = {"repository_id": "own", "name": "Own", "repository_type": "local"}
    remote = {"repository_id": "hq", "name": "HQ", "repository_type": "remote", "domain_id": "d"}
    entries = [local, remote | {"redis_url": "redis://hq", "token": "hq"}]
    said = refused(monkeypatch, "PLUGINS_REPOSITORIES", json.dumps(entries))
    assert said.endswith("repository hq: token names no credential with a password_file or password_env")
    file = tmp_path / "credentials.json"
    file.write_text('{"hq": {"password_env": "HQ"}}')
    monkeypatch.setenv("HQ", SECRET)
    monkeypatch.setenv("PLUGINS_REGISTRY_CREDENTIALS", str(file))
    assert [r.repository_id for r in load_settings().repositories.remote] == ["hq"]


def test_a_client_needs_no_more_than_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGINS_REGISTRY_CREDENTIALS", "/nowhere")
    monkeypatch.setenv("PLUGINS_EVENTS_URL", "redis://events/1")
    connections = load_connections()
    assert (connections.broker, connections.events) == ("redis://localhost:6379/0", "redis://events/1")


FORMS = [
    *(
        "{s}",
        "u:{s}@h",
        "https://u:{s}@h",
        "http://{s}@h/x",
        "h:{s}",
        "h={s}",
        "{s}=h",
        "h?token={s}",
        "h#{s}",
        "h/{s}",
    ),
    *(
        "OCI=https://u:{s}@h/x",
        "OCI=http://{s}",
        "ghcr.io=5/{s}",
        "u:{s}@ghcr.io=5/4",
        "ghcr.io={s}/4",
        "pages={s}",
    ),
    *(
        "u:{s}@h=/nowhere",
        "h=/nowhere/{s}",
        "a,b,u:{s}@c",
        "10.0.0.0/{s}",
        "10.0.0.1/8,{s}@h",
        ".u:{s}@h",
        "[{s}]:1",
    ),
    *(
        "redis://:{s}@h:x/0",
        "redis://u:{s}@h/{s}",
        "rediss://h/0?password={s}&x={s}",
        "redis://{s}",
        "unix://{s}",
    ),
    *(
        "mongodb://u:{s}@h:99999/p",
        "mongodb://u:{s}/x@h/p",
        "mongodb+srv://u:{s}@h:1/p",
        "mongodb://h/?x={s}",
    ),
    *(
        "mongodb://u:{s}@h/p?authMechanism={s}",
        "{{s}: 1",
        '[{"{s}": 1}]',
        '[{"password": "{s}"}]',
        '["{s}"]',
        "[{s}",
    ),
    *(
        '[{"repository_id": "{s}", "name": "{s}", "repository_type": "{s}"}]',
        '{"robot": {"password": "{s}"}}',
    ),
    '{"a": {"hosts": ["u:{s}@h"], "domains": ["*"], "username": "x", "password_env": "PATH"}}',
    '{"a": {"hosts": ["h"], "domains": "{s}", "username": "{s}", "password": "{s}", "unknown": "{s}"}}',
    *('{"a": {"provider": "{s}"}}', '{"a": {"password_env": "{s}"}}', '{"a": {"password_file": "{s}"}}'),
    *(
        '[{"repository_id": "hq", "name": "h", "repository_type": "remote", "redis_url": "redis://u:{s}@h:x/0"}]',
    ),
    *(
        '[{"repository_id": "hq", "name": "h", "repository_type": "remote", "token": "{s}", "unknown": "{s}"}]',
    ),
    *(
        '[{"repository_id": "hq", "name": "h", "repository_type": "managed", "folder": "{s}", "path": "{s}"}]',
    ),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # MongoDB's driver, of options that it does not know
@pytest.mark.parametrize("name", sorted(f"PLUGINS_{field.upper()}" for field in Settings.model_fields))
def test_no_error_shows_what_may_be_a_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    told = []
    for form in FORMS:
        value = form.replace("{s}", SECRET)
        file = tmp_path / "file.json"
        file.write_text(value)
        for given in (value, str(file)):
            monkeypatch.setenv(name, given)
            for load in (load_settings, load_connections):
                try:
                    load()
                except SettingsError as error:
                    told.append(str(error))
    assert SECRET not in "\n".join(told)
    assert told or name == "PLUGINS_HEARTBEAT_DIR"
