"""Tokens in messages that are parked: none is stored, logged or shown, whatever form it has."""

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.messages import celery_message, decode_body, encode_body
from tests.support.parked import Parked
from worker.cli.operate.dead_letters import dead_letters
from worker.dead_letters.message import read_message
from worker.domain.secrets import REMOVED, hide_secrets, hide_secrets_in, hide_secrets_in_bytes
from worker.services import Services
from worker.transport.encode import task_message

JIRA = {"domain_id": "d-1", "plugin_id": "jira"}
SECRET = "pLaNtEd-5ecret"
JWT = f"eyJhbGciOiJFZERTQSJ9.{SECRET}.c2lnbmF0dXJl"

HEADERS: dict[str, dict[str, Any]] = {
    "authorization": {"authorization": f"Bearer {SECRET}"},
    "no scheme": {"Authorization": SECRET},
    "auth": {"auth": f"Bearer {SECRET}"},
    "jwt": {"jwt": SECRET},
    "a list of two": {"x": ["authorization", SECRET]},
    "a list of pairs": {"sent": [["accept", "*/*"], ["Proxy-Authorization", SECRET]]},
    "name and value": {"sent": [{"name": "Cookie", "value": SECRET}]},
    "bearer anywhere": {"note": f"sent with bearer {SECRET} today"},
    "basic": {"note": f"Basic {SECRET}=="},
    "a jwt anywhere": {"trace": JWT},
    "a url": {"origin": f"amqp://user:{SECRET}@host/vhost"},
    "a user of a url": {"origin": f"https://{SECRET}@host/"},
    "text with a pair": {"note": f"x-api-key={SECRET}&y=1"},
    "json in text": {"note": json.dumps({"token": SECRET})},
    "json in json in text": {"note": json.dumps(json.dumps({"token": SECRET}))},
    "a repr": {"kwargsrepr": f"{{'authorization': '{SECRET}'}}", "argsrepr": f"('Bearer {SECRET}',)"},
    "deep": {"a": {"b": [{"c": {"access_key": {"value": SECRET}}}]}},
    "a key": {f"Bearer {SECRET}": 1},
    "password": {"db": {"passwd": SECRET, "pwd": SECRET, "passphrase": SECRET}},
    "session id": {"session_id": SECRET},
    "session": {"session": SECRET},
    "credentials": {"credentials": {"user": "u", "of": SECRET}, "x": ["aws_credentials", SECRET]},
    "the scheme token": {"note": f"sent with Token {SECRET}"},
    "an opaque token like a jwt": {"note": f"token=eyJ{SECRET}"},
    "pem": {"note": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"},
    "pem without its end": {"note": f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,X\n\n{SECRET}"},
    "pem, percent-encoded": {"query": f"-----BEGIN+EC%20PRIVATE+KEY-----%0A{SECRET}%0A-----END"},
    "the task": {"task": f"Bearer {SECRET}"},
    "percent-encoded": {"query": f"authorization%3DBearer%20{SECRET}"},
}
ELSEWHERE: dict[str, Callable[[dict[str, Any]], None]] = {
    "at the top": lambda sent: sent.update(authorization=SECRET),
    "in the properties": lambda sent: sent["properties"].update(headers={"token": SECRET}),
    "in an unknown argument": lambda sent: sent.update(body=encode_body([[], JIRA | {"auth": SECRET}, {}])),
    "in a positional argument": lambda sent: sent.update(body=encode_body([[f"Bearer {SECRET}"], JIRA, {}])),
    "in what is embedded": lambda sent: sent.update(
        body=encode_body([[], JIRA, {"callbacks": [{"kwargs": {"token": SECRET}}]}])
    ),
    "in a body of another shape": lambda sent: sent.update(body=encode_body({"authorization": SECRET})),
    "in a body that is no base64": lambda sent: sent.update(body=f"Bearer {SECRET}"),
}


def with_headers(headers: dict[str, Any]) -> bytes:
    sent = json.loads(task_message("plugin.disable", "c-1", JIRA, "plugin.commands"))
    sent["headers"] |= headers
    return json.dumps(sent).encode()


def planted() -> dict[str, bytes]:
    """Every form in a message of each protocol, cut off, and below the arguments of an unknown task."""
    messages = dict[str, bytes]()
    for name, headers in HEADERS.items():
        whole = with_headers(headers)
        messages[name] = whole
        messages[f"{name}, cut off"] = whole[:-1]
        messages[f"{name}, protocol 1"] = celery_message(
            "plugin.disable", JIRA, "c-1", protocol=1, headers=headers
        )
        messages[f"{name}, unknown task"] = task_message("no.such.task", "c-1", headers, "plugin.commands")
        messages[f"{name}, in text"] = b"junk " + json.dumps(headers).encode()
    for name, plant in ELSEWHERE.items():
        sent = json.loads(task_message("plugin.disable", "c-1", JIRA, "plugin.commands"))
        plant(sent)
        messages[name] = json.dumps(sent).encode()
    messages["no JSON"] = f"authorization: Bearer {SECRET}\r\nX-Token: '{SECRET}'".encode()
    messages["cut within"] = f'{{"headers": {{"token": "{SECRET}{"x" * 9_000_000}'.encode()
    return messages


PLANTED = planted()


def holds_secret(raw: bytes) -> bool:
    """Whether it is there, as it is or in a body."""
    with suppress(Exception):
        raw += json.dumps(decode_body(json.loads(raw))).encode()
    return SECRET.encode() in raw


def decode_body_of(raw: bytes) -> Any:
    with suppress(ValueError, KeyError):
        return decode_body(json.loads(raw))
    return None


@pytest.mark.parametrize("name", PLANTED)
def test_no_form_of_a_secret_is_kept(name: str) -> None:
    assert SECRET.encode() in PLANTED[name] or holds_secret(PLANTED[name])
    reading = read_message(PLANTED[name][: 64 * 1024])
    assert not holds_secret(reading.raw)
    assert SECRET not in json.dumps([dict(reading.headers), reading.task, reading.command_id])
    # What was removed once is left as it is.
    assert read_message(reading.raw).raw == reading.raw


def test_no_way_of_parking_stores_logs_or_shows_one(
    services: Services, plugins_env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parked = [
        Parked(f"{reason}-{n}", raw, reason=reason, detail=f"Bearer {SECRET}")
        for n, raw in enumerate(PLANTED.values())
        for reason in ("deaths", "not_json", "unknown_task")
    ]
    services.parking.store(parked)
    for name, raw in PLANTED.items():
        services.parking.keep("c-1", "plugin.disable", "plugin.commands", raw, KeyError(f"{name} {JWT}"))
    found = list(services.database["dead_letters"].find())
    assert len(found) > len(parked)
    left = [letter["_id"] for letter in found if holds_secret(letter["raw"]) or SECRET in str(letter)]
    assert left == []
    assert SECRET not in caplog.text
    shown = [CliRunner().invoke(dead_letters, ["list", "--limit", "0", "--json"], env=plugins_env).output]
    for letter in found[:: len(found) // 20]:
        shown.append(CliRunner().invoke(dead_letters, ["show", letter["_id"]], env=plugins_env).output)
    assert SECRET not in "".join(shown)


def test_the_data_of_a_plugin_stay_as_they_are() -> None:
    """They must be applied by a replay as they were sent."""
    tags = {"token": "x", "auth": f"Bearer {SECRET}", "pairs": ["password", "y"], "url": "redis://u:p@h"}
    params = JIRA | {"tags": tags}
    batch = {"commands": [{"id": "1", "operation": "plugin.update", "params": params | {"token": SECRET}}]}
    for task, kwargs in (("plugin.update", params), ("plugin.batch", batch)):
        reading = read_message(task_message(task, "c-1", kwargs, "plugin.commands", authorization=SECRET))
        kept = decode_body(json.loads(reading.raw))[1]
        assert reading.stripped
        assert (kept if task == "plugin.update" else kept["commands"][0]["params"])["tags"] == tags
    # Its item has an argument that no task knows.
    assert kept["commands"][0]["params"]["token"] == REMOVED
    assert read_message(task_message("plugin.update", "c-1", params, "q")).raw.count(b"removed") == 0


OWN_FORMS = {
    "a token of GitHub": "ghp_" + "aB3" * 12,
    "a token of GitHub Actions": "ghs_" + "aB3" * 12,
    "a fine-grained token of GitHub": "github_pat_" + "aB3" * 7 + "_" + "x9Y" * 19,
    "a key of AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "a passing key of AWS": "ASIA" + "IOSFODNNAEXAMPLE",
}


@pytest.mark.parametrize("token", OWN_FORMS.values(), ids=OWN_FORMS)
def test_a_token_is_known_by_its_own_form(token: str) -> None:
    for headers in ({"note": f"sent with {token}, today"}, {"x": [token]}, {token: 1}):
        whole = with_headers(headers)
        unknown = task_message("no.such.task", "c-1", headers, "plugin.commands")
        for sent in (whole, whole[:-1], unknown, b"junk " + token.encode()):
            kept = read_message(sent).raw
            assert token.encode() not in kept + json.dumps(decode_body_of(kept)).encode()
    assert hide_secrets_in(f"x={token}; y") == "x=(removed); y"


LARGE = {"x": ["y"] * 20_000}


@pytest.mark.parametrize("name", HEADERS)
def test_large_messages_are_searched_as_text(name: str) -> None:
    """To walk through hundreds of thousands of parts would take many seconds."""
    headers = HEADERS[name]
    for sent in (
        with_headers(headers | LARGE),
        task_message("no.such.task", "c-1", headers | LARGE, "plugin.commands"),
        task_message("plugin.disable", "c-1", JIRA | headers | LARGE, "plugin.commands"),
    ):
        reading = read_message(sent)
        assert not holds_secret(reading.raw)
        assert SECRET not in json.dumps([dict(reading.headers), reading.task, reading.command_id])
    assert read_message(with_headers(headers | LARGE)).command_id == "c-1"


def test_the_arguments_of_a_large_message_stay_as_they_are() -> None:
    params = JIRA | {"tags": LARGE | {"token": "x"}}
    sent = task_message("plugin.update", "c-1", params, "plugin.commands", authorization=SECRET)
    assert decode_body(json.loads(read_message(sent).raw))[1] == params


def test_a_text_that_repeats_arguments_is_no_reason_to_ask_for_a_token() -> None:
    told = "{'template': {'properties': {'password': {'type': 'string'}}}}"
    reading = read_message(task_message("plugin.update", "c-1", JIRA, "q", kwargsrepr=told))
    assert not reading.stripped and b"'password': {(removed)}" in reading.raw


@pytest.mark.parametrize(
    "text",
    ["author: me", "the token was lost", "keyjar", "http://host/a@b", "a://b", "eyJust", "Bearer", "x.y.z",
     "the token mechanism", "token v1", "session_affinity: x", "in asiapacificnortheast", "ghp_short",
     "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----", "xAKIAIOSFODNN7EXAMPLE"],
)  # fmt: skip
def test_ordinary_text_is_left(text: str) -> None:
    assert hide_secrets_in(text) == text


def test_what_has_no_secret_is_not_copied() -> None:
    value = {"a": [{"b": ["c", 1, None]}, "d"], "e": {}}
    assert hide_secrets(value) is value
    assert hide_secrets([value, {"token": "x"}])[0] is value


@pytest.mark.parametrize("before", [0, 65_500, 65_536, 131_000])
def test_a_secret_is_found_wherever_the_search_stops_to_let_others_run(before: int) -> None:
    secrets = (
        f'"authorization": "{SECRET * 9000}"',
        f"Bearer {SECRET}",
        JWT,
        f"://u:{SECRET}@",
        f"pwd={SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET * 9000}-----END PRIVATE KEY-----",
        f"Token {SECRET}",
    )
    for secret in secrets:
        for shift in range(0, 60, 7):
            hidden = hide_secrets_in_bytes(b"x" * (before - shift) + b" " + secret.encode() + b"\ntail")
            assert SECRET.encode() not in hidden and hidden.endswith(b"\ntail")


@pytest.mark.parametrize(
    "unit",
    ['"', "x", "token", 'token"', '"token":', "eyj", "-eyj", "eyj.", "://", "://a", "bearer ", "auth", "token=",
     "authorization:[", '\\"', "token\\\\", "%20", "authorization: x\n", "'", "token:'", "key\\",
     "ghp_", "github_pat_", "github_pat_x ", "AKIA", "akia ", "token ", "token a ", "session", "credentials",
     "-----begin ", "-----begin rsa private key", "-----begin private key-----", "-----begin private key-----'",
     "-----begin private key----------end", "-"],
)  # fmt: skip
def test_the_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    """Whatever it is; the bound is far above what is needed, and far below what a square would take."""

    def cost(size: int) -> float:
        raw = unit.encode() * (size // len(unit))
        begun = time.thread_time()
        hide_secrets_in_bytes(raw)
        return time.thread_time() - begun

    small, large = cost(128 * 1024), cost(1024 * 1024)
    assert large < 40 * max(small, 0.002)
