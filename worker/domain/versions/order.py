"""The place of a name in a version list: a total order that never raises, whatever the name."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from worker.domain.versions.names import without_attachments
from worker.domain.versions.number import read_number
from worker.domain.versions.suffix import FURTHER, RELEASE, read_suffix
from worker.domain.versions.words import WORD, is_commit, is_date, natural

Key = tuple[int, str, str]
"""Kind, place among its kind, and name: sorts names oldest first, and no two names are equal."""

_LATEST, _MOVING, _OTHER, _VERSION = range(4)

MOVING = frozenset(
    {
        "latest", "stable", "edge", "nightly", "main", "master", "trunk", "head", "dev", "develop",
        "devel", "development", "canary", "next", "rolling", "current", "testing", "unstable",
        "experimental", "snapshot", "mainline", "lts", "staging", "production", "prod", "alpha", "beta",
        "rc", "preview",
    }
)  # fmt: skip
"""Names that move from one image to another, alone or with a variant (``stable-slim``)."""

# A version begins in one of so many words of a name, or nowhere.
_MOST_WORDS = 12
# Sorts below what ends a word: stable-slim < stable.
_BETWEEN = "\x01"

_START = re.compile(r"[vV]?(?=[0-9])")
_INSIDE = re.compile(r"[0-9]\.")
_DIGIT = re.compile(r"[0-9]")
_DOTTED = re.compile(r"[0-9]\.[0-9]")
_BARE = re.compile(r"([0-9]{7,})(?![0-9A-Za-z.])")


def newest_first(names: Iterable[str]) -> list[str]:
    """Return the names in order."""
    given = list(names)
    strict = has_bare_commits(given)
    return sorted(given, key=lambda name: version_key(name, strict=strict), reverse=True)


def has_bare_commits(names: Sequence[str]) -> bool:
    """Return whether bare numbers of 7 and more digits that are no date are hashes of commits in a list.

    They are where it also has dotted versions, or hashes with letters.
    """
    return any(map(_is_bare, names)) and any(map(_is_versioned, without_attachments(names)))


def version_key(name: str, *, strict: bool = False) -> Key:
    """Return the place of a name.

    ``strict``: ``has_bare_commits`` of its list. Default: False.
    """
    hashed = strict and _is_bare(name)
    version = None if hashed else _version(name)
    if version is not None:
        return (_VERSION, version, name)
    words = _Words(name, hashed)
    kind = _OTHER if not words.moving else _LATEST if name.lower() == "latest" else _MOVING
    return (kind, words.key(), name)


def _is_bare(name: str) -> bool:
    found = _BARE.match(name)
    return found is not None and not is_date(found[1])


def _is_versioned(name: str) -> bool:
    return _DOTTED.search(name) is not None or any(is_commit(word.lower()) for word in WORD.findall(name))


def _version(name: str) -> str | None:
    """Return the text that sorts a version; None if the name is none."""
    start, word = _START.match(name), WORD.match(name)
    if start is None or word is None or is_commit(word[0].lower()):
        return None
    number = read_number(name, start.end())
    suffix = read_suffix(name[number.end :])
    if suffix.unknown and not (number.dotted or number.date):
        return None
    return number.key + suffix.key


class _Words:
    """The words of a name that is no version.

    ``hashed``: the first word is the hash of a commit, though it has digits only.
    """

    def __init__(self, name: str, hashed: bool) -> None:
        self._name = name
        self._words: list[re.Match[str]] = []
        self._version_at: int | None = None
        self._has_commit = hashed
        for word in islice(WORD.finditer(name), hashed, _MOST_WORDS):
            if start := self._begins(word):
                self._version_at = start.end()
                break
            if is_commit(word[0].lower()):
                self._has_commit = True
            else:
                self._words.append(word)

    def _begins(self, word: re.Match[str]) -> re.Match[str] | None:
        """Return the start of a word with which a version begins: of a digit, and not inside of a number."""
        start = _START.match(self._name, word.start())
        if start is None or is_commit(word[0].lower()):
            return None
        return None if _INSIDE.match(self._name, max(0, word.start() - 2)) else start

    @property
    def moving(self) -> bool:
        """Return whether the name moves: a moving word stands first or last, and no version in it."""
        if not self._words or self._has_commit or self._version_at is not None:
            return False
        return self._words[0][0].lower() in MOVING or self._words[-1][0].lower() in MOVING

    def key(self) -> str:
        """Return the text that sorts: the words in front of a version, and the version.

        It begins at the first word that begins with a digit, else at the first digit.
        """
        words = [word[0].lower() for word in self._words]
        if self._version_at is not None:
            return _joined(words) + _read(self._name, self._version_at)
        for count, word in enumerate(self._words):
            if digit := _DIGIT.search(word[0]):
                words[count:] = [word[0][: digit.start()].lower()]
                return _joined(words) + _read(self._name, word.start() + digit.start())
        return _joined(words) + RELEASE.key if words else natural(self._name.lower())


def _joined(words: list[str]) -> str:
    return natural(_BETWEEN.join(filter(None, words)), FURTHER)


def _read(name: str, start: int) -> str:
    number = read_number(name, start)
    return number.key + read_suffix(name[number.end :]).key
