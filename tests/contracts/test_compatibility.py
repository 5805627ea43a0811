"""What callers and publishers rely on stays: import paths, and the shapes of the published schemas.

``tests/data/contract`` holds both. A name that is listed in ``names.json`` may not go. A schema that is listed in
``shapes.json`` must be exactly as it is there: for a change that only adds something, edit its row deliberately.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.published import SCHEMAS
from worker.cli.publish.schemas import FOLDER

DATA = Path(__file__).parents[1] / "data" / "contract"
NAMES: dict[str, list[str]] = json.loads((DATA / "names.json").read_text())
SHAPES: dict[str, Any] = json.loads((DATA / "shapes.json").read_text())


def shape(schema: Any, *, of_fields: bool = False) -> Any:
    """A schema without its texts; a field may have the name of one."""
    if isinstance(schema, list):
        return [shape(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: shape(item, of_fields=name in {"properties", "$defs"} and not of_fields)
        for name, item in schema.items()
        if of_fields or name not in {"description", "when"}
    }


@pytest.mark.parametrize("module", NAMES)
def test_public_names_can_be_imported(module: str) -> None:
    missing = [name for name in NAMES[module] if not hasattr(importlib.import_module(module), name)]
    assert missing == []


@pytest.mark.parametrize("name", SHAPES)
def test_a_published_schema_keeps_its_shape(name: str) -> None:
    schema = json.loads((FOLDER / "errors.json").read_text()) if name == "errors" else SCHEMAS[name]
    assert shape(schema) == SHAPES[name]
