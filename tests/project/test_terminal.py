"""Nothing writes to a terminal but the one module that escapes what others sent."""

import ast
from pathlib import Path

import pytest

from tests.support.servers import ROOT

WRITERS = {"echo", "secho", "style", "print", "echo_via_pager", "pager", "write", "writelines"}
FILES = sorted(path for folder in ("cli", "devtools") for path in (ROOT / "worker" / folder).rglob("*.py"))

# Tables are laid out by rich, of texts by `plain`; what rich writes of processes is by `printable_log`.
OWN_WAYS = {"worker/cli/table.py": {"print"}, "worker/devtools/console.py": {"print"}}


def calls(source: str) -> set[str]:
    """What is called that writes: click's functions, print, and methods of the standard streams and of rich."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id == "print":
            found.add("print")
        elif isinstance(function, ast.Attribute) and function.attr in WRITERS:
            owner = ast.unparse(function.value)
            if owner == "click" or "console" in owner or "terminal" in owner or owner.startswith("sys."):
                found.add(function.attr)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_written_goes_through_one_door(path: Path) -> None:
    assert calls(path.read_text()) == OWN_WAYS.get(str(path.relative_to(ROOT)), set())


@pytest.mark.parametrize(
    "line",
    [
        "click.echo(x)",
        "click.secho(x)",
        "print(x)",
        "sys.stdout.write(x)",
        "console.print(x)",
        "click.style(x)",
    ],
)
def test_another_door_is_found(line: str) -> None:
    assert calls(line)
