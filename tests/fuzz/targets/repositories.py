"""The files of managed repositories, and the answers of remote ones."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from contracts.errors import ContractError
from contracts.plugin import RepositoryInfo
from contracts.query import Query
from contracts.query.paging import Page
from tests.fuzz.script import Script, changed_json, changed_text
from tests.fuzz.target import Target
from tests.fuzz.targets.commands import FIELDS, NEW, POLICY
from worker.documents.read import DocumentError, parse_json, parse_yaml
from worker.domain.completion import Completion, Defaults
from worker.domain.managed import managed_plugin
from worker.repositories.remote.answers import Answers, BadAnswer
from worker.store.documents import plugin_document

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MANAGED = RepositoryInfo(repository_id="repo-m", name="Managed", repository_type="managed")
REMOTE = RepositoryInfo(repository_id="repo-r", name="Remote", repository_type="remote")
COMPLETION = Completion(
    defaults=Defaults(registry_type="HARBOR", registry_url="registry.example.com", provider="acme"),
    image_prefix="acme/market",
)
_DOCUMENT = {name: value for name, value in NEW.items() if name != "domain_id"} | {"registry_config": {}}
FILES: Sequence[str] = [
    json.dumps(_DOCUMENT, indent=1),
    json.dumps(
        {"resource_type": "a.B", "docs": {"en": "# A"}, "plugin_id": "own", "name": "n", "image": "jira"}
    ),
    json.dumps(
        _DOCUMENT | {"state": "DISABLED", "created_at": "2026-01-01T00:00:00+09:00", "plugin_id": "jira"}
    ),
    """# a plugin
name: JIRA
service_type: notification.Protocol
image: acme/jira
labels: [jira, "yes", no]
tags: {"a.b": 1, $ref: x, released: 2026-01-01, price: 1.50, nothing: ~}
template:
  options:
    schema: {type: object, properties: {a: {type: string, pattern: "^a"}}}
text: |
  more
  of it
""",
    "- a\n- b: c\n",
    "---\nname: x\n...\n",
]
FILE_WORDS: Sequence[str] = [
    *("{", "}", "[", "]", '"', "'", "\\", ":", ": ", "- ", "\n", "  ", "\t", ",", "#", "|", ">", "?", "!", "&a ", "*a", "%"),
    *("---\n", "...\n", "<<: ", "!!python/object:os.system ", "~", "null", "1e999", ".inf", "0x1", "9" * 5_000, "\0", "é"),
    *("\ufeff", "\u2028", "\x85", "\ud7ff", "[" * 40, "- " * 40, "a: " * 40, "2026-13-45", "name", "image: ", "\\ud800"),
]  # fmt: skip


def _file(script: Script) -> str:
    return changed_text(script, FILES, FILE_WORDS)


def _use_file(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        try:
            document = parse(text)
            plugin = managed_plugin(document, MANAGED, NOW, POLICY, COMPLETION).plugin
        except (DocumentError, ContractError) as error:
            str(error)
        else:
            plugin_document(plugin)


ROW = {
    **_DOCUMENT,
    "plugin_id": "jira",
    "state": "ENABLED",
    "registry_url": "registry.example.com:5000",
    "repository_info": {"repository_id": "r", "name": "n", "repository_type": "local"},
    "domain_id": "d",
    "revision": 3,
    "created_at": "2026-01-01T00:00:00.000Z",
    "updated_at": "2026-01-01T00:00:00.000Z",
}
VERSIONS = {
    "results": ["2.0", "1.0", "latest"],
    "total_count": 3,
    "synced_at": "2026-01-01T00:00:00.000Z",
    "stale": False,
    "truncated": False,
    "sync_state": "ok",
}
SHOWN = {"plugin_id": "jira", "name": "n", "tags": {"a": 1}}
ANSWERS: Sequence[Any] = [
    ROW,
    VERSIONS,
    {"results": [ROW], "total_count": 1},
    {"results": [SHOWN], "total_count": 7},
    {"results": [], "total_count": 0},
]
WORDS: Sequence[str] = [
    *FIELDS,
    "results",
    "total_count",
    "synced_at",
    "sync_state",
    "revision",
    "repository_info",
]
_ANSWERS = Answers(REMOTE, "d")
_QUERIES = [
    Query(page=Page(limit=2)),
    Query(page=Page(start=2, limit=1), only=["name", "tags.a"]),
    Query(count_only=True),
]


_READINGS: Sequence[Callable[[Any], Any]] = [
    _ANSWERS.plugin,
    partial(_ANSWERS.plugin_of, plugin_id="jira"),
    _ANSWERS.versions,
    *(partial(_ANSWERS.rows, query=query, shortcuts={"name": "n"}) for query in _QUERIES),
]


def _answer(script: Script) -> tuple[Callable[[Any], Any], Any]:
    return script.of(_READINGS), changed_json(script, ANSWERS, WORDS)


def _use_answer(given: tuple[Callable[[Any], Any], Any]) -> None:
    read, answer = given
    try:
        json.dumps(read(answer))
    except BadAnswer as error:
        str(error)


MANAGED_FILES = Target("managed-files", _file, _use_file)
REMOTE_ANSWERS = Target("remote-answers", _answer, _use_answer)
