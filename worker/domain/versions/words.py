"""The words of a name, and which of them are commits and dates.

Every regular expression here takes a time that is linear in the length of the text.
"""

import re

DIGITS = "0123456789"
SEPARATORS = "._+-"

WORD = re.compile(r"[^._+-]+")
_RUN = re.compile(r"([0-9]+)")
_YEAR, _MONTH, _DAY = "(?:19|20)[0-9]{2}", "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_DATE = re.compile(rf"{_YEAR}{_MONTH}{_DAY}[0-9]{{0,9}}")
_DATE_AND_LETTER = re.compile(rf"[abc]{_YEAR}{_MONTH}{_DAY}|{_YEAR}{_MONTH}{_DAY}[a-z][0-9]{{0,2}}")
_HEX = re.compile(r"[0-9a-f]{7,64}")
_DESCRIBED = re.compile(r"g[0-9a-f]{7,64}")
# A number with more digits sorts as one with so many: no tag has them.
_MOST_DIGITS = 5_000
_LENGTHS = [f"\x05{chr(16 + length)}" for length in range(_MOST_DIGITS + 1)]


def is_date(number: str) -> bool:
    """Return whether a number begins with a day: YYYYMMDD, a time of up to nine digits behind it."""
    return _DATE.fullmatch(number) is not None


def is_commit(word: str) -> bool:
    """Return whether a word, in small letters, is the hash of a commit: 7 or more hex digits of both kinds.

    A date with a letter is none. One of digits only cannot be told from a number, but where ``git describe``
    put a g in front.
    """
    if len(word) < 7 or not _HEX.fullmatch(word):
        return word.startswith("g") and _DESCRIBED.fullmatch(word) is not None
    return not word.isdigit() and not word.isalpha() and not _DATE_AND_LETTER.fullmatch(word)


def sortable(number: str) -> str:
    """Return a text that sorts as the number does: exact at any length, where int() stops at 4,300 digits."""
    digits = number.lstrip("0")
    return _LENGTHS[min(len(digits), _MOST_DIGITS)] + digits


def natural(text: str, before: str = "") -> str:
    """Return a text that sorts so that runs of digits compare as numbers.

    ``before``: what to write in front of each, to sort numbers among letters. Default: nothing, which is
    below letters.
    """
    pieces = _RUN.split(text)
    pieces[1::2] = [before + sortable(digits) for digits in pieces[1::2]]
    return "".join(pieces)
