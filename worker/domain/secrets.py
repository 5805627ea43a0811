"""Hides secrets in what is kept of a message: by the names that they stand under, and by their own form."""

import json
import re
from collections.abc import Iterator
from operator import is_
from typing import Any, Final

from contracts.values import SECRET_WORD

REMOVED: Final = "(removed)"
"""Stands in place of a secret."""

_HIDDEN: Final = REMOVED.encode()
_ENDING: Final = r"(?:credentials?|session)(?![\w-])"
_WORD: Final = rf"{SECRET_WORD}|passphrase|pwd|jwt|bearer|session[_-]?(?:id|key)|auth(?![a-z])|{_ENDING}"
_KEY: Final = re.compile(_WORD, re.IGNORECASE)
_NAMES: Final = ("name", "key", "header", "field")
_VALUES: Final = ("value", "val")
_LONGEST_NAME: Final = 64

# Searched in lower case. No part can begin again within what another try has passed over, and no repetition
# gives back what it took: the time grows with the text, whatever it is. Each way has one group, the secret.
_SCHEME: Final = r"(?:bearer|basic|digest|negotiate|apikey|token)"
_BLANK: Final = r"(?:[ \t+]|%20)"
_QUOTED: Final = r'(?:"((?:[^"\\]|\\.)*+)' + r"|'((?:[^'\\]|\\.)*+)" + r"""|\\{1,3}["']([^"'\\]*+))"""
_UNQUOTED: Final = rf"""((?:{_SCHEME}{_BLANK}{{1,8}}+)?[^\s,;&"'<>()\[\]{{}}\\]++)"""
_NESTED: Final = r"\{([^{}]*+)|\[([^\[\]]*+)"
_VALUE: Final = rf"\s{{0,8}}+(?!\(removed\))(?:{_NESTED}|[\s(]{{0,8}}+(?:{_QUOTED}|{_UNQUOTED}))"
_BESIDE: Final = r"""(?:\\{0,3}["']val(?:ue)?\\{0,3}["']\s{0,8}+:\s{0,8}+)?+"""
_LISTED: Final = rf"""\\{{0,3}}+["']\s{{0,8}}+,\s{{0,8}}+{_BESIDE}{_QUOTED}"""
_PAIRED: Final = rf"""\\{{0,3}}+["']?\s{{0,8}}+(?:[:=]|%3[ad]){_VALUE}"""
_NAMED: Final = rf"(?:{_WORD})[\w-]{{0,40}}+(?:{_LISTED}|{_PAIRED})"
# "token" is an ordinary word too: a digit tells a secret from the next word.
_TOKEN: Final = rf"\btoken{_BLANK}{{1,8}}+((?=[a-z_.~+/=%-]{{0,64}}+[0-9])[\w.~+/=%-]{{8,}}+)"
_GITHUB: Final = r"gh[oprsu]_[a-z0-9]{16,}+|github_pat_\w{16,}+"
_AWS: Final = r"a[ks]ia[a-z0-9]{16}(?![a-z0-9])"
_ARMOUR: Final = rf"{_BLANK}(?:[a-z0-9]{{1,12}}+{_BLANK}){{0,2}}private{_BLANK}key(?:{_BLANK}block)?"
# One that was cut off has no end.
_PEM: Final = rf"""-----begin{_ARMOUR}-----(?!\(removed\))((?:[^"'-]|-(?!----end))*+)"""
_SECRET: Final = re.compile(
    "|".join(
        (
            rf"\b(?:bearer|basic|negotiate){_BLANK}{{1,8}}+([\w.~+/=%-]{{4,}}+)",
            _TOKEN,
            _NAMED,
            # A JWT, or a word that begins like one: what is no JWT is passed over.
            rf"(?<![a-z0-9])(?:(?P<jwt>eyj[\w-]*+(?:\.[\w-]*+)*+)|({_GITHUB})|(?P<aws>{_AWS}))",
            _PEM,
            r"""://([^\s/?#"'<>\\]*)@""",
        )
    ).encode(),
    re.DOTALL,
)
# Text without any of them has no match, and to look for them is much cheaper.
_SIGNS: Final = tuple(
    b"auth cookie token secret pass pwd key jwt bearer session credential basic negotiate eyj ://"
    b" gho_ ghp_ ghr_ ghs_ ghu_ github_pat_ akia asia -----begin".split()
)
_AT_ONCE: Final = 64 * 1024
# The longest text before a secret that belongs to a match.
_OVERLAP: Final = 4096


def may_hold_secret(value: Any) -> bool:
    """Return whether a JSON value has any sign of a secret; costs little, however many parts it has."""
    return _has_sign(json.dumps(value, ensure_ascii=False).lower().encode("utf-8", "surrogatepass"))


def hide_secrets(value: Any) -> Any:
    """Return a JSON value without its secrets.

    They are the values of keys that look like a secret's, what stands behind such a name in a list or beside
    it as ``name`` and ``value``, and what looks like a token in any text. A part without secrets is returned
    as it is, and not copied.
    """
    return _hide(value) if may_hold_secret(value) else value


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        return hide_secrets_in(value)
    if isinstance(value, list):
        listed = [
            REMOVED if index and _is_name(value[index - 1]) and item is not None else _hide(item)
            for index, item in enumerate(value)
        ]
        return value if all(map(is_, listed, value)) else listed
    if not isinstance(value, dict) or not value:
        return value
    named = any(_is_name(value.get(name)) for name in _NAMES)
    clean = {
        hide_secrets_in(name): REMOVED
        if item is not None and (_KEY.search(name) or (named and name.lower() in _VALUES))
        else _hide(item)
        for name, item in value.items()
    }
    return value if all(map(is_, clean, value)) and all(map(is_, clean.values(), value.values())) else clean


def hide_secrets_in(text: str) -> str:
    """Return text with parts replaced that look like a secret."""
    raw = text.encode("utf-8", "surrogatepass")
    hidden = hide_secrets_in_bytes(raw)
    return text if hidden == raw else hidden.decode("utf-8", "surrogatepass")


def hide_secrets_in_bytes(raw: bytes) -> bytes:
    """Return bytes that may be text, of any form, with parts replaced that look like a secret."""
    clean, done = bytearray(), 0
    for start, stop in _spans(raw, raw.lower()):
        clean += raw[done:start]
        clean += _HIDDEN
        done = stop
    return bytes(clean + raw[done:]) if clean else raw


def _spans(raw: bytes, lowered: bytes) -> Iterator[tuple[int, int]]:
    """Yield where secrets begin and end, a piece at a time: a search holds up every other thread."""
    at = 0
    while at < len(lowered):
        end = min(at + _AT_ONCE, len(lowered))
        found = _SECRET.search(lowered, at, end) if _has_sign(lowered[at:end]) else None
        while found is not None:
            if found.end() == end:
                # It may go on behind the piece.
                found = _SECRET.match(lowered, found.start()) or found
            at = max(found.end(), at + 1)
            span = found.span(found.lastindex or 0)
            if _is_secret(found.lastgroup, raw[slice(*span)]):
                yield span
            found = _SECRET.search(lowered, at, end)
        at = max(at, end if end == len(lowered) else end - _OVERLAP)


def _has_sign(piece: bytes) -> bool:
    return any(sign in piece for sign in _SIGNS)


def _is_secret(form: str | None, text: bytes) -> bool:
    if form == "jwt":
        return text.count(b".") >= 2
    # In small letters it is a word, such as the name of a region.
    return form != "aws" or text.isupper()


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and _KEY.search(value) is not None
