"""What an operator writes is read as JSON is, in either notation, or refused by its place and without its words."""

import json
import os
import sys
from pathlib import Path

import pytest

from contracts.storable import MAX_DEPTH
from worker.documents import read
from worker.documents.read import DocumentError, parse_json, parse_yaml, read_document
from worker.domain.repositories import Repositories
from worker.registries import load_credentials

SECRET = "hunter2"

JSON_SCALARS = ["null", "true", "false", "0", "-0", "10", "-7", "1.50", "-0.5", "1e3", "1E-2", "1.5e+3"]
TEXTS = [
    "yes",
    "No",
    "on",
    "OFF",
    "True",
    "NULL",
    "12:30",
    "010",
    "0o10",
    "0x1F",
    "1_000",
    "+1",
    ".5",
    "5.",
    ".inf",
    "-.inf",
    ".nan",
    "1e",
    "--",
    "2026-01-01",
    "<<",
    "=",
    "2026-01-01T00:00:00Z",
    "1.2.3",
    "1:2",
    "nulls",
    "truer",
    "1,000",
    "e3",
]


def test_a_scalar_of_yaml_is_that_of_json_or_text() -> None:
    given = [*JSON_SCALARS, *TEXTS]
    lines = "".join(f"- {text}\n" for text in given)

    read_back = parse_yaml(lines + "-\n- ~\n- 'true'\n- \"1\"\n")

    assert json.dumps(read_back[: len(JSON_SCALARS)]) == json.dumps(
        [json.loads(text) for text in JSON_SCALARS]
    )
    assert read_back[len(JSON_SCALARS) :] == [*TEXTS, None, None, "true", "1"]


def test_settings_are_in_the_same_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repositories = tmp_path / "repositories.yaml"
    repositories.write_text("- {repository_id: no, name: 010, repository_type: local}\n")
    assert Repositories.of(read_document(repositories)).local.repository_id == "no"
    monkeypatch.setenv("ROBOT", SECRET)
    credentials = tmp_path / "credentials.yaml"
    credentials.write_text("on: {hosts: [a.example], domains: [on, yes], password_env: ROBOT}\n")
    assert load_credentials(str(credentials)).domains("on", "a.example") == frozenset({"on", "yes"})


def test_the_name_tells_the_notation(tmp_path: Path) -> None:
    for name in ("a.json", "a.JSON", "a.yaml", "a"):
        (tmp_path / name).write_text('\ufeff{"a": [1]}', encoding="utf-8")
        assert read_document(tmp_path / name) == {"a": [1]}
    (tmp_path / "a.json").write_text("a: [1]")
    with pytest.raises(DocumentError, match="is not valid JSON: line 1, column 1"):
        read_document(tmp_path / "a.json")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [*{old},*{old},*{old},*{old},*{old},*{old},*{old},*{old},*{old}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "uses an alias (*): write it out: line 2"),
        ("a: &a {b: *a}", "uses an alias"),
        ("tags: &x {a: 1}\ntemplate: {<<: *x}", "uses an alias"),
        ("a: " + "{a: " * 40 + "1" + "}" * 40, "nested deeper than 32 levels: line 1"),
        ("- " * 100_000, "nested deeper than 32 levels: line 1"),
        ("? " * 100_000, "nested deeper than 32"),
        ("{a: " * 100_000, "nested deeper than 32"),
        ("!!python/object/apply:os.system ['true']", "uses a tag"),
        ("name: !!python/name:os.system x", "uses a tag"),
        ("name: !!binary aGk=", "uses a tag"),
        ("tags: !!set {a, b}", "uses a tag"),
        ("tags: {a: !!int '12:30'}", "uses a tag"),
        (f"- !{SECRET} x", "uses a tag (!): quote what is to be a text: line 1"),
        ("name: a\nname: b", "a key twice in one object: line 2"),
        ("1: a", "a key that is not a text"),
        ("true: a", "a key that is not a text"),
        ("? [a]\n: b", "a key that is not a text"),
        (f"a: [{SECRET}", "is not valid YAML: line"),
        ("a: 1\n---\nb: 2", "has more than one document: line 2, column 1"),
        ("tags: {a: " + "9" * 5000 + "}", "is not valid YAML"),
        (f"{SECRET}\x01", "is not valid YAML"),
        (f'"{SECRET}\ud800"', "is not valid YAML"),
        (f'"{SECRET}\\ud800"', "is not valid YAML: line 1"),
        ('"' + '\\"' * 500_000, "is not valid YAML"),
    ],
)
def test_hostile_yaml_is_refused(text: str, words: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_yaml(text)

    assert words in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested deeper than 32 levels: line 1, column 33"),
        ('\n{"a":' * 100_000, "nested deeper than 32 levels: line 34, column 1"),
        ('{"name": "a", "name": "b"}', "a key twice"),
        ('{"a": ' + "9" * 5000 + "}", "is not valid JSON"),
        (f'{{\n"{SECRET}" 1', "is not valid JSON: line 2"),
        ('"' + '\\"' * 500_000, "is not valid JSON"),
        ('"' * 500_001, "is not valid JSON"),
        ("[]" * 500_000, "is not valid JSON"),
    ],
)
def test_hostile_json_is_refused(text: str, words: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_json(text)

    assert words in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
@pytest.mark.parametrize("begin", ["[", "[[1],", '{"a":', '[{"a":'])
def test_however_deep_a_text_begins_it_is_refused(begin: str, parse: object) -> None:
    """Each version of each parser has its own limit and its own words for it: ours come first, or theirs do."""
    for times in (33, 999, 1_001, sys.getrecursionlimit(), 100_000):
        with pytest.raises(DocumentError):
            parse(begin * times)  # type: ignore[operator]


def test_brackets_in_a_text_are_not_depth() -> None:
    text = json.dumps({"a": "[" * 1_000, 'b"\\': ["{" * 1_000, "\\", '"[']})
    assert parse_json(text) == parse_yaml(text) == json.loads(text)
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_json(deepest) == parse_yaml(deepest) == json.loads(deepest)


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_what_is_no_document_is_refused_without_waiting(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    with pytest.raises(DocumentError, match=r"^cannot be read: No such file or directory$"):
        read_document(file)
    file.mkdir()
    with pytest.raises(DocumentError, match="is not a regular file"):
        read_document(file)
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(DocumentError, match="is not a regular file"):
        read_document(file)
    file.unlink()
    file.write_bytes(b'"\xff\xfe"')
    with pytest.raises(DocumentError, match="is not UTF-8"):
        read_document(file)
    file.write_text('"b"' + " " * 2**20)
    with pytest.raises(DocumentError, match="is larger than"):
        read_document(file)
    with pytest.raises(DocumentError, match="has a name that is not UTF-8"):
        read_document(tmp_path / os.fsdecode(b"\xff.json"))


def test_an_alias_bomb_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the look at the events taken out, the bomb does go off, if a small one."""
    monkeypatch.setattr(read, "_check_events", lambda text: None)

    assert len(json.dumps(parse_yaml("\n".join(BOMB.splitlines()[:4])))) > 20_000


def test_without_the_look_at_its_nesting_json_is_not_refused_by_its_depth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    with pytest.raises(DocumentError):
        parse_json(deep)
    monkeypatch.setattr(read, "_check_nesting", lambda text: None)
    assert parse_json(deep) == json.loads(deep)
