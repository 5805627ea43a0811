"""Every command that prints what others sent, with what a terminal would obey: it is shown, and not obeyed."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tests.cli import hostile
from worker.cli import caller
from worker.cli.main import COMMANDS, main
from worker.cli.operate import dead_letters, healthcheck, images, partitions, reconcile, sync
from worker.cli.operate.doctor import command as doctor
from worker.cli.operations import events
from worker.process.partitions import InUse

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch, str], None]

# What our own colours are made of.
COLOUR = re.compile(r"\x1b\[(?:0|1|3[0-7])m")


def client(refuses: bool) -> Plant:
    def plant(patch: Patch, text: str) -> None:
        patch.setattr(caller, "PluginClient", lambda *_: hostile.Client(text, refuses))
        patch.setattr(caller, "_partitions", lambda _: 1)

    return plant


def stream(patch: Patch, text: str) -> None:
    @contextmanager
    def opened(_: str) -> Iterator[hostile.Stream]:
        yield hostile.Stream(text)

    patch.setattr(events, "open_redis", opened)


def letters(patch: Patch, text: str) -> None:
    services_in(dead_letters)(patch, text)
    result = SimpleNamespace(id=text, objection=None, queue=text)
    patch.setattr(dead_letters, "Replay", lambda *_: SimpleNamespace(replay=lambda *_, **__: result))
    patch.setattr(dead_letters, "Queues", lambda _: SimpleNamespace(push=None))
    patch.setattr(dead_letters, "partitions_of", lambda _: 1)
    patch.setattr(dead_letters, "asdict", vars)


def services_in(module: Any) -> Plant:
    def plant(patch: Patch, text: str) -> None:
        patch.setattr(module, "connected", lambda as_json: hostile.services(text, as_json))

    return plant


def checks(patch: Patch, text: str) -> None:
    services_in(doctor)(patch, text)
    patch.setattr(doctor, "CHECKS", hostile.findings(text))
    patch.setattr(doctor, "server_checks", lambda _: hostile.findings(text))


def budgets(patch: Patch, text: str) -> None:
    services_in(sync)(patch, text)
    patch.setattr(sync, "asdict", lambda value: {n: getattr(value, n) for n in value.__slots__})


def image_list(patch: Patch, text: str) -> None:
    services_in(images)(patch, text)
    patch.setattr(images, "ImageList", lambda _: hostile.Images(text))


def key_in_use(patch: Patch, text: str) -> None:
    def change(_: int) -> None:
        raise InUse(text)

    services_in(partitions)(patch, text)
    patch.setattr(partitions, "Partitions", lambda _: SimpleNamespace(number=lambda: text, change=change))


def processes(patch: Patch, text: str) -> None:
    one = SimpleNamespace(name=text, pid=1, age_s=99.0, healthy=False)
    patch.setattr(healthcheck, "seen", lambda _: [one])


CASES: list[tuple[str, Plant]] = [
    *(
        (f"{verb} jira", client(refuses))
        for verb in ("get", "enable", "get-versions", "versions")
        for refuses in (False, True)
    ),
    *((f"{verb} jira", client(True)) for verb in ("update", "disable", "deregister")),
    ("register --name a --service-type a.b --image a/b", client(True)),
    ("register --name a --service-type a.b --image a/b", client(False)),
    ("list", client(False)),
    ("list", client(True)),
    ("stat --query {}", client(False)),
    ("stat --query {}", client(True)),
    ("batch -", client(False)),
    ("batch -", client(True)),
    ("events", stream),
    ("events reconcile", services_in(reconcile)),
    ("events reconcile --dry-run", services_in(reconcile)),
    ("dead-letters list", letters),
    ("dead-letters show x", letters),
    ("dead-letters replay --all", letters),
    ("dead-letters purge --all --yes", letters),
    ("doctor", checks),
    ("sync status", budgets),
    ("sync now a/b", budgets),
    ("images", image_list),
    ("images a/b", image_list),
    ("partitions show", key_in_use),
    ("partitions set 3", key_in_use),
    ("healthcheck", processes),
]

# What these print is ours, or of the servers that they start: tests/devtools.
OWN = {"up", "down", "demo", "schemas"}


def run(arguments: str, *more: str) -> Result:
    line = json.dumps({"operation": "enable", "params": {"plugin_id": "a", "domain_id": "d"}})
    env = {"PLUGINS_DOMAIN_ID": "d", "PLUGINS_REDIS_URL": "redis://127.0.0.1:1/0", "COLUMNS": "200"}
    # With colours, as on a terminal: without, click removes what begins with an escape by itself.
    return CliRunner(env=env).invoke(main, [*arguments.split(), *more], input=line, color=True)


def assert_shown(result: Result) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    for output in (result.stdout, result.stderr):
        left = COLOUR.sub("", output)
        assert all(line.isprintable() for line in left.split("\n")), repr(left)


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
@pytest.mark.parametrize(
    ("arguments", "plant"), CASES, ids=[f"{a.split(' --name')[0]}-{n}" for n, (a, _) in enumerate(CASES)]
)
def test_it_is_shown_and_not_obeyed(arguments: str, plant: Plant, text: str, monkeypatch: Patch) -> None:
    plant(monkeypatch, text)
    people = run(arguments)
    assert_shown(people)
    if arguments != "healthcheck":
        machine = run(arguments, "--json")
        assert_shown(machine)
        documents = (
            machine.stdout.splitlines() if arguments in ("events", "sync status") else [machine.stdout]
        )
        for document in documents:
            json.loads(document)


@pytest.mark.parametrize("arguments", ["get jira", "list", "batch -", "events reconcile --dry-run", "doctor"])
def test_a_text_begins_no_line(arguments: str, monkeypatch: Patch) -> None:
    for case, plant in CASES:
        if case == arguments:
            plant(monkeypatch, "a\nERROR: of mine")
            result = run(arguments)
            assert not re.search(r"^ERROR", result.stdout + result.stderr, re.MULTILINE)


@pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
@pytest.mark.parametrize(
    "arguments", [["{}"], ["--{}"], ["get", "--{}"], ["events", "--from", "{}"], ["sync", "{}"]]
)
def test_an_argument_is_not_obeyed_either(arguments: list[str], text: str) -> None:
    shown = [part.format(text.encode("utf-8", "replace").decode()) for part in arguments]
    result = CliRunner().invoke(main, shown, color=True)
    assert result.exit_code == 2
    assert_shown(result)


def test_every_command_is_here() -> None:
    covered = {arguments.split()[0] for arguments, _ in CASES}
    assert covered | OWN == {entry.name for entry in COMMANDS}
    assert len(CASES) * len(hostile.TEXTS) >= 46
    group = main.get_command(click.Context(main), "dead-letters")
    assert isinstance(group, click.Group)
    assert {*group.commands} - {a.split()[1] for a, _ in CASES if a.startswith("dead-")} == {"drain"}
