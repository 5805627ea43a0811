"""What is installed with the product is what it says in pyproject.toml."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.servers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"contracts", "worker"}
# What an extra installs is imported only where it is used; google is what several distributions share.
EXTRAS = {"boto3", "botocore", "google"}


def imported() -> Iterator[str]:
    for package in OURS:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield str(node.module).split(".")[0]


def test_whatever_is_imported_is_declared() -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    installed = packages_distributions()
    used = set(imported()) - OURS - EXTRAS - sys.stdlib_module_names
    from_others = {name for name in used if not declared & set(map(canonicalize_name, installed[name]))}
    # pydantic pins the version of pydantic_core that belongs to it.
    assert from_others - {"pydantic_core"} == set()
