"""What the tables of the manual say is what the code has."""

from __future__ import annotations

import re
import tomllib
from typing import Any, get_args

import pytest

from contracts import errors
from contracts._redis.state import State
from contracts.catalog import OPERATIONS
from contracts.errors import ContractError, Fault, Refused, RegistryReason, Unavailable
from contracts.events import PluginChange
from contracts.plugin import RegistryType
from tests.bench.cases import CASES
from tests.docs.pages import page
from tests.support.servers import ROOT
from worker.domain.image import FailureReason
from worker.registries.http.caps import Caps
from worker.registries.kinds import KINDS
from worker.settings import DOMAIN_ID, REPLAY_TOKEN, Settings
from worker.transport.keys import QueueKeys

SETTINGS = ("Servers", "Commands and answers", "Repositories and registries")


def code(cell: str) -> list[str]:
    """The words that a cell shows as code."""
    return re.findall(r"`([^`]+)`", cell)


def shown_settings() -> dict[str, str]:
    rows = [row for heading in SETTINGS for row in page("operations.md").table(heading)]
    assert len({row[0] for row in rows}) == len(rows)
    return {code(name)[0]: default for name, default, _ in rows}


def test_every_setting_is_shown() -> None:
    assert set(shown_settings()) == {f"PLUGINS_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_shown_with_its_default(name: str) -> None:
    shown, default = shown_settings()[f"PLUGINS_{name.upper()}"], Settings.model_fields[name].default
    if isinstance(default, bool):
        assert shown == f"`{str(default).lower()}`"
    elif isinstance(default, int | float):
        assert float(shown.strip("`")) == default
    elif isinstance(default, str) and default:
        assert shown == f"`{default}`"
    else:
        assert not shown.startswith("`")


def test_the_variables_of_the_command_line_are_shown() -> None:
    names = {code(row[0])[0] for row in page("operations.md").table("Command line")}
    assert names == {DOMAIN_ID, REPLAY_TOKEN}


def test_the_caps_of_a_read_are_shown() -> None:
    found = dict(re.findall(r"`(\w+)`\s+([0-9.]+)[,.]\s", page("operations.md").text.split("The caps of")[1]))
    assert {name: float(value.rstrip(".")) for name, value in found.items()} == {
        name: float(getattr(Caps(), name)) for name in Caps.__dataclass_fields__
    }


def test_every_operation_is_shown() -> None:
    rows = {code(task)[0]: (code(queue), code(model)) for task, queue, model, _ in table_of("Operations")}
    assert rows == {o.task: ([o.queue], [o.command.__name__]) for o in OPERATIONS}


def table_of(heading: str) -> list[list[str]]:
    return page("contracts.md").table(heading)


def test_every_error_is_shown() -> None:
    kinds = (ContractError, Refused, Unavailable, Fault)
    classes: dict[str, Any] = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, ContractError) and value not in kinds
    }
    rows = {code(name)[0]: (code(of)[0], kind) for of, name, kind, _ in table_of("Answers and errors")}
    assert rows == {name: (value.code, value.kind) for name, value in classes.items()}


def test_every_reason_of_a_registry_is_shown() -> None:
    told = page("contracts.md").text.split("| `details.reason` | meaning |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([a-z_]+)`", told, re.MULTILINE) == [*get_args(RegistryReason)]
    (listed,) = re.findall(r"``details.reason`` is ([a-z_,\s]+);", errors.RegistryUnavailable.__doc__ or "")
    assert re.split(r",\s+| or ", listed) == [*get_args(RegistryReason)]
    rows = page("registries.md").table("When a registry fails")
    assert {reason for row in rows for reason in code(row[1])} == set(get_args(FailureReason))


def test_every_state_of_a_server_is_shown() -> None:
    rows = page("operations.md").table("Least privilege at Redis")
    assert {row[0].strip("`") for row in rows if len(row) == 4} == set(get_args(State))


def test_every_code_of_spaceone_is_shown_with_ours() -> None:
    source = (ROOT / "contracts/errors.py").read_text() + (ROOT / "worker/domain/plugin.py").read_text()
    rows = page("moving.md").table("4. The callers")
    shown = {name: code(row[1])[0] for row in rows for name in code(row[0]) if name.startswith("ERROR_")}
    assert set(shown) == set(re.findall(r'"(ERROR_[A-Z_]+)"', source))
    classes = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, ContractError)]
    ours = {of.spaceone_code: of.code for of in classes if of.spaceone_code}
    assert shown == ours | {"ERROR_INVALID_IMAGE_LENGTH": errors.InvalidImage.code}


def test_every_change_is_shown() -> None:
    told = page("contracts.md").text.split("**`PluginChanged`**")[1].split("**`ImageVersionsChanged`**")[0]
    assert set(get_args(PluginChange)) <= set(code(told))


def test_every_registry_type_is_shown_with_its_budget() -> None:
    rows = {
        code(name)[0]: re.findall(r"[0-9.]+", text)
        for name, _, text in page("registries.md").table("Registries")
    }
    assert set(rows) == set(get_args(RegistryType))
    for name, numbers in rows.items():
        limit = KINDS[name].limit
        assert [float(number) for number in numbers[:2]] == [limit.rate, limit.at_once], name


@pytest.mark.parametrize("heading", ["Cases", "What limits each case"])
def test_every_case_of_the_benchmark_is_shown(heading: str) -> None:
    rows = [row[0] for row in page("performance.md").table(heading)]
    assert rows == [f"`{case.name}`" for case in CASES]


def test_every_guarantee_names_its_tests() -> None:
    text = page("guarantees.md").text
    sections = re.split(r"^## (G[0-9]): ", text, flags=re.MULTILINE)[1:]
    found = dict(zip(sections[::2], sections[1::2], strict=True))
    assert list(found) == [f"G{number}" for number in range(1, 10)]
    for name, section in found.items():
        assert re.search(r"^Tests: `tests/", section, re.MULTILINE), name


def test_the_glossary_is_in_order_and_says_where() -> None:
    rows = page("glossary.md").table("Glossary")
    terms = [row[0].strip("*") for row in rows]
    assert terms == sorted(terms)
    assert all(row[2] for row in rows)


def test_every_key_of_a_queue_is_shown() -> None:
    keys = QueueKeys.of("{queue}")
    companions = {
        keys.lease,
        keys.consumers,
        keys.unacked,
        keys.waiting,
        keys.returned,
        keys.doorbell,
        keys.poison,
    }
    shown = {name for row in page("glossary.md").table("Redis keys") for name in code(row[0])}
    assert companions <= shown


def test_doctor_says_what_the_troubleshooting_shows() -> None:
    sources = [path.read_text() for path in (ROOT / "worker/cli/operate/doctor").glob("*.py")]
    said = re.sub(r'"\n\s+f?"', "", "\n".join(sources))
    rows = page("operations.md").table("Troubleshooting")
    lines = [line for row in rows for line in code(row[1]) if line.startswith(("ok ", "warn ", "FAIL "))]
    assert len(lines) > 10
    for line in lines:
        text = line.partition(": ")[2]
        for part in re.split(r"\.\.\.|\d+", text):
            assert part.strip(" :;,") in said, line


def test_the_layers_are_those_that_are_checked() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    (layers,) = (c["layers"] for c in tools["importlinter"]["contracts"] if c["name"] == "Layers")
    (shown,) = (b.text.split("\n") for b in page("architecture.md").blocks() if b.language == "text")
    assert [line for line in shown if line] == [*layers, "contracts"]
