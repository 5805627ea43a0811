"""A document of the operator's, in JSON or YAML.

It may hold secrets, so what is wrong with one is told by its line. The parsers' own words quote it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml


def read_document(file: Path) -> Any:
    """What a JSON or YAML file holds. Raises ``ValueError``, which shows neither path nor content."""
    try:
        return _parsed(yaml.safe_load, file.read_text(encoding="utf-8"), "JSON or YAML")
    except UnicodeDecodeError:
        raise ValueError("the file is no UTF-8") from None
    except OSError as fault:
        raise ValueError(f"the file cannot be read: {fault.strerror}") from None


def parse_json(text: str) -> Any:
    """What a JSON text holds. Raises ``ValueError``, which does not show it."""
    return _parsed(json.loads, text, "JSON")


def _parsed(parse: Callable[[str], Any], text: str, language: str) -> Any:
    try:
        return parse(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except (ValueError, yaml.YAMLError) as fault:
        raise ValueError(f"it is no {language}{_line(fault)}") from None


def _line(fault: Exception) -> str:
    if isinstance(fault, json.JSONDecodeError):
        return f": line {fault.lineno}"
    if isinstance(fault, yaml.MarkedYAMLError) and fault.problem_mark:
        return f": line {fault.problem_mark.line + 1}"
    return ""
