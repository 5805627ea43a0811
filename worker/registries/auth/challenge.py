"""What a registry demands with a 401."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_GAP = re.compile(r"[\s,]*")
_SCHEME = re.compile(rf"({_WORD})(?=[\s,]|$)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
_PARAMETER = re.compile(rf'[\s,]*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_UNREADABLE = re.compile(r'(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^,"])+', re.DOTALL)
_MAX_HEADER = 16_384


@dataclass(frozen=True, slots=True)
class Challenge:
    """A demand for authorization.

    ``scheme``: ``bearer`` or ``basic``. ``realm``, ``service``: of a Bearer challenge; empty otherwise.
    ``error``: why the token that was sent is refused (RFC 6750); it makes no other challenge of it.
    """

    scheme: str
    realm: str = ""
    service: str = ""
    error: str = field(default="", compare=False)


def parse_challenges(header: str) -> list[Challenge]:
    """Return the challenges that can be answered, at most one of a scheme, Bearer before Basic.

    ``header``: a ``WWW-Authenticate`` header with any number of challenges (RFC 9110); of Bearer the first
    with a realm counts.
    """
    found = list(_challenges(header[:_MAX_HEADER]))
    bearers = [values for scheme, values in found if scheme == "bearer"]
    bearer = next((values for values in bearers if values.get("realm")), bearers[0] if bearers else None)
    is_basic = any(scheme == "basic" for scheme, _ in found)
    challenges = [Challenge("basic")] if is_basic else []
    if bearer is not None and (bearer.get("realm") or not is_basic):
        realm, service, error = (bearer.get(name, "") for name in ("realm", "service", "error"))
        challenges.insert(0, Challenge("bearer", realm, service, error))
    return challenges


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while True:
        position = _end(_GAP.match(header, position), position)
        scheme = _SCHEME.match(header, position)
        if scheme is None:
            behind = _end(_UNREADABLE.match(header, position), position)
            if behind == position:
                return
            position = behind
            continue
        position = scheme.end()
        values: dict[str, str] = {}
        if data := _TOKEN68.match(header, position):
            position = data.end()
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            name, quoted, bare = parameter.groups()
            values.setdefault(name.lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        yield scheme[1].lower(), values


def _end(match: re.Match[str] | None, position: int) -> int:
    return match.end() if match else position
