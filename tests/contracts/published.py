"""What is published in contracts/schemas, and validators made of it."""

import json
from typing import Any

import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from contracts.events import SCHEMAS as ADDRESS
from worker.cli.publish.schemas import FOLDER

SCHEMAS = {
    path.stem: json.loads(path.read_text())
    for path in sorted(FOLDER.glob("*.json"))
    if path.name != "errors.json"
}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()]
)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name], registry=REGISTRY)


def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
    return document


def described(pointer: str) -> Draft7Validator:
    """What a part of the AsyncAPI document says: its schemas are of that draft."""
    address = f"{ADDRESS}/asyncapi.yaml"
    document = Resource.from_contents(asyncapi(), default_specification=DRAFT7)
    return Draft7Validator(
        {"$ref": f"{address}{pointer}"}, registry=REGISTRY.with_resource(address, document)
    )
