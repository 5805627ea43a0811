"""What stands behind the number of a version, as a text that sorts.

From left to right, each word moves the version: a pre-release goes below its number, a later patch above it.
The first word that does neither begins a variant or a build, which goes between the version and its
pre-releases.
"""

import re
from itertools import islice
from typing import Literal, NamedTuple

from worker.domain.versions.words import DIGITS, SEPARATORS, WORD, is_commit, natural, sortable

# At each place of the text these four can stand, and sort in this order.
_PRE_RELEASE, _END, _LATER, FURTHER = "\x01", "\x02", "\x03", "\x04"
_VARIANT, _PLAIN = "\x01", "\x02"

RELEASES = frozenset({"final", "ga", "release"})
"""Words that say that a version is the release."""

_LADDER = (
    ("dev", "nightly", "canary"),
    ("a", "alpha"),
    ("b", "beta"),
    ("m", "milestone"),
    ("ea", "ec", "pre", "preview"),
    ("c", "rc", "cr"),
    ("snapshot",),
)
PRE_RELEASES = {word: chr(16 + step) for step, words in enumerate(_LADDER) for word in words}
"""Words of pre-releases, and how near to the release they are."""

PATCHES = frozenset({"post", "patch", "hotfix", "security"})
"""Words of later patches."""

NUMBERED_PATCHES = frozenset({"p", "pl", "sp", "sr", "sec", "hf"})
"""Words of later patches only where a number follows at once."""

# 1.0.2a to 1.0.2z, then 1.0.2za
_LETTER = re.compile("z?[a-z]")
_WORDS = "|".join(word for word in PRE_RELEASES if len(word) > 1)
_PRE_RELEASE_BEHIND = re.compile(rf"[._+-]({_WORDS})([0-9]*)(?![^._+-])")
_NUMBER_BEHIND = re.compile(r"[._+-]([0-9]+)(?![^._+-])")
_BETWEEN = "\x04"
# In a variant a word more goes down, a number more up: gpu-jupyter < gpu, 1123 < 1123.2
_NO_MORE, _NUMBER = "}", "~"
# So many words can move a version. What follows them counts as a variant.
_MOST_WORDS = 16


_Open = Literal["any", "dot", ""]
"""Which number belongs to the word before: any, one behind a dot, or none."""


class Suffix(NamedTuple):
    """What stands behind a number.

    ``key``: the text that sorts.
    ``unknown``: letters stand right behind the number that are no word of a version (``3rdparty``).
    """

    key: str
    unknown: bool


RELEASE = Suffix(_END + _PLAIN, False)
"""What stands behind a release: nothing."""


def read_suffix(text: str) -> Suffix:
    """Return what a text behind a number means."""
    return _Reading(text.lower()).suffix() if text else RELEASE


class _Reading:
    """The words of a suffix, as far as they move the version."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._steps: list[str] = []
        self._open: _Open = ""
        self._end = 0

    def suffix(self) -> Suffix:
        unknown = False
        for word in islice(WORD.finditer(self._text), _MOST_WORDS):
            separators = self._text[self._end : word.start()]
            if not self._read(separators, word[0]):
                unknown = not separators
                break
            self._end = word.end()
        rest = self._text[self._end :]
        end = _variant(rest) if rest.strip(SEPARATORS) else _END + _PLAIN
        return Suffix("".join(self._steps) + end, unknown)

    def _read(self, separators: str, word: str) -> bool:
        """Return whether a word moves the version, or says that it is the release."""
        letters = word.rstrip(DIGITS)
        number = word[len(letters) :]
        if not letters:
            return self._read_number(separators, number)
        if is_commit(word):
            return False
        if letters in PRE_RELEASES and (len(letters) > 1 or separators or number):
            return self._read_pre_release(separators, letters, number)
        if self._is_later(separators, letters, number):
            return self._step(_LATER + letters, number, "any" if letters in PATCHES else "")
        return letters in RELEASES and not number

    def _read_number(self, separators: str, number: str) -> bool:
        if not self._open or (self._open == "dot" and separators != "."):
            return False
        self._steps[-1] += sortable(number)
        self._open = "dot"
        return True

    def _read_pre_release(self, separators: str, letters: str, number: str) -> bool:
        if self._open == "any" and separators == ".":  # SemVer: alpha.1 < alpha.beta
            self._steps[-1] += natural(letters + number)
            self._open = "dot"
            return True
        return self._step(_PRE_RELEASE + PRE_RELEASES[letters], number, "any")

    @staticmethod
    def _is_later(separators: str, letters: str, number: str) -> bool:
        if letters in PATCHES or (number and letters in NUMBERED_PATCHES):
            return True
        return not separators and _LETTER.fullmatch(letters) is not None

    def _step(self, step: str, number: str, follows: _Open) -> bool:
        self._steps.append(step + (sortable(number) if number else ""))
        self._open = "dot" if number and follows else follows
        return True


def _variant(text: str) -> str:
    """Return a variant, below a pre-release if it names one."""
    pre_release = ""
    if found := _PRE_RELEASE_BEHIND.search(text):
        number, end = found[2], found.end()
        if not number and (behind := _NUMBER_BEHIND.match(text, end)):
            number, end = behind[1], behind.end()
        pre_release = _PRE_RELEASE + PRE_RELEASES[found[1]] + (sortable(number) if number else "")
        text = text[: found.start()] + text[end:]
    words = ("" if is_commit(word) else word for word in WORD.findall(text))
    # alpine-3 sorts as alpine3, and 9-10 not as 910.
    joined = natural(_BETWEEN.join(words), _NUMBER).replace(_BETWEEN, "")
    return f"{pre_release}{_END}{_VARIANT}{joined}{_NO_MORE}"
