"""Makes an input of random bytes: each decision takes one or two of them. Fewer and smaller bytes make a simpler
input, which is what Hypothesis searches for when an input is at fault.
"""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

MOST_BYTES = 64 * 1024
"""How large an input may grow."""

MOST_TIMES = 512
"""How often a part of a JSON value may be repeated."""

HOSTILE: Sequence[Any] = (
    *("", "\0", "\ud800", "\U0001f600", "$where", "a.b", "__type__", "~", "-1", "null", " ", "\n", "\x1b[31m"),
    *("now/d - 3d", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "(", "[a-", "(?x)#", "(?a)(?u)"),
    *("a" * 256, "a" * 1_025, "é" * 2_000, "127.0.0.1", "::1", "http://[", "/", "//", "latest", "1.0.0"),
    *(0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *(True, False, None, [], {}, [[]], {"": {}}, {"__type__": 1, "__value__": 2}, {"$gt": ""}, [None], ["a", "a"]),
)  # fmt: skip
"""Values that something may trip over."""


class Script:
    """Decisions out of bytes; when there are no more, each is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._left = MOST_TIMES

    def times(self) -> int:
        """Return how often to repeat a part. All of them together stay below a bound: they multiply."""
        taken: int = min(1 << self.number(10), self._left)
        self._left //= taken
        return taken

    def number(self, below: int) -> int:
        """Return a number from 0."""
        size = 1 if below <= 256 else 2
        taken = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(taken, "little") % below

    def of(self, items: Sequence[T]) -> T:
        """Return one of some items."""
        return items[self.number(len(items))]

    def chance(self, one_in: int) -> bool:
        """Return True once in so many times; False at the end."""
        return self.number(one_in) == one_in - 1


def changed_bytes(script: Script, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Return a seed with some changes."""
    made = bytearray(script.of(seeds))
    for _ in range(script.number(6)):
        _change(script, made, seeds, words)
    return bytes(made[:MOST_BYTES])


def _change(script: Script, made: bytearray, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = script.number(len(made) + 1)
    end = at + script.number(32)
    match script.number(7):
        case 0:
            made[at:end] = script.of(words)
        case 1:
            made[at:at] = script.of(words)
        case 2:
            made[at:end] = b""
        case 3:
            made[at : at + 1] = bytes([script.number(256)])
        case 4:
            made[at:at] = (made[at:end] or b"[") * 2 ** script.number(12)
        case 5:
            made[at:] = script.of(seeds)[at:]
        case _:
            made[at:at] = made[script.number(len(made) + 1) :][:200]


def changed_text(script: Script, seeds: Sequence[str], words: Sequence[str]) -> str:
    """Return a seed with some changes, as text."""
    given = [seed.encode() for seed in seeds], [word.encode() for word in words]
    return changed_bytes(script, *given).decode(errors=script.of(["replace", "surrogateescape"]))


def changed_json(script: Script, seeds: Sequence[Any], words: Sequence[str]) -> Any:
    """Return a JSON value with some changes."""
    made = [copy.deepcopy(script.of(seeds))]
    for _ in range(script.number(5)):
        parent, key = _place(script, made)
        _change_value(script, parent, key, seeds, words)
    return made[0]


def _place(script: Script, value: Any) -> tuple[Any, Any]:
    """Return a list or an object inside a value, and a key of it."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = script.of(keys)
        inner = value[key]
        if not isinstance(inner, dict | list) or not inner or script.chance(4):
            return value, key
        value = inner


def _change_value(script: Script, parent: Any, key: Any, seeds: Sequence[Any], words: Sequence[str]) -> None:
    value = parent[key]
    match script.number(8):
        case 0:
            parent[key] = copy.deepcopy(script.of(HOSTILE))
        case 1:
            parent[key] = script.of(words)
        case 2:
            parent[key] = [value] * script.times()
        case 3:
            parent[key] = _nested(script, value)
        case 4 if isinstance(value, dict):
            value[script.of(words)] = copy.deepcopy(script.of(HOSTILE))
        case 5 if isinstance(value, dict) and value:
            value.pop(script.of(list(value)))
        case 6:
            parent[key] = copy.deepcopy(script.of(seeds))
        case _:
            parent[key] = copy.deepcopy(script.of(HOSTILE))


def _nested(script: Script, value: Any) -> Any:
    for _ in range(script.number(40)):
        value = {script.of(["a", ""]): value} if script.chance(2) else [value]
    return value
