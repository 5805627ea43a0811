"""The published contract is made of a template, which is installed with the program."""

import tomllib
from pathlib import Path

import worker
from tests.support.servers import ROOT
from worker.cli.publish.asyncapi import asyncapi, read_template

PACKAGE = Path(worker.__file__).parent


def test_every_file_beside_the_code_is_installed_with_it() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "worker"
    ]
    installed = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    files = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert files == installed


def test_the_template_is_filled_completely() -> None:
    template, document = read_template(), asyncapi()
    assert "patterns" not in document
    assert list(document) == [key for key in template if key != "patterns"]
    assert "$" not in str(document).replace("'$ref'", "").replace("$message.header#/id", "").replace(
        "+$", ""
    ).replace("}$", "")
    for channel in document["channels"].values():
        assert set(channel["messages"]) <= set(document["components"]["messages"])
