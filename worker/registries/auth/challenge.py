"""What a registry demands with a 401."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?=[\s,]|$)")
_PARAMETER = re.compile(rf'[\s,]*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_MAX_HEADER = 16_384


@dataclass(frozen=True, slots=True)
class Challenge:
    """A demand for authorization.

    ``scheme``: ``bearer`` or ``basic``. ``realm``, ``service``: of a Bearer challenge; empty otherwise.
    """

    scheme: str
    realm: str = ""
    service: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """Return the challenge to answer, Bearer before Basic; None if a header has neither.

    ``header``: a ``WWW-Authenticate`` header with any number of challenges.
    """
    found = dict(reversed(list(_challenges(header[:_MAX_HEADER]))))  # the first of a scheme counts
    if bearer := found.get("bearer"):
        return Challenge("bearer", bearer.get("realm", ""), bearer.get("service", ""))
    return Challenge("basic") if "basic" in found else None


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while match := _SCHEME.match(header, position):
        position = match.end()
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            name, quoted, bare = parameter.groups()
            values.setdefault(name.lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        yield match[1].lower(), values
