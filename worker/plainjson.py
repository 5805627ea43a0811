"""JSON as JSON: kombu's own reader turns objects with ``__type__`` and ``__value__`` keys into other things.

A caller's free objects must come through unchanged, and never choose what a worker makes of them.
"""

import json

from kombu.serialization import register as register_serializer
from kombu.utils.json import dumps as _dumps


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def loads(text: str | bytes) -> object:
    """Parse JSON; NaN and the infinities, which are none, are refused."""
    return json.loads(text, parse_constant=_refuse)


def register() -> None:
    """Make this the reader of ``application/json`` in this process."""
    register_serializer("json", _dumps, loads, content_type="application/json", content_encoding="utf-8")
