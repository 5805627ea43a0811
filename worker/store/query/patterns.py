"""Literal texts and regular expressions as the patterns that MongoDB looks for, whatever the case.

MongoDB looks at its time limit between documents only, so that what a regular expression costs in one
document is bounded here, by PCRE's own limit: it holds on every server version and can only lower the
server's. How many there may be is bounded in ``contracts.query.sums``.
"""

import re

from bson import Regex

from contracts.query.keys import MAX_REGEX_TEXT

_STEPS = 100_000
"""What a regular expression may cost in a field that holds one short text, in steps of PCRE."""

_LARGE_STEPS = 4_000
"""What it may cost in each text of a field that may hold some 50,000 of them."""


def literal(word: str) -> Regex[str]:
    """The pattern of a literal substring."""
    return Regex(re.escape(word), "i")


def pattern(regex: str, *, is_large: bool) -> Regex[str]:
    """The pattern of a caller's regular expression, for a field of ``LARGE`` or for any other.

    A text is not matched that takes PCRE more steps than it may, or in a large field is too long.
    """
    steps = _LARGE_STEPS if is_large else _STEPS
    # Even one step may lead through the whole text.
    is_short = rf"(?=[\s\S]{{0,{MAX_REGEX_TEXT}}}+\z)" if is_large else ""
    end = "\n" if re.compile(regex).flags & re.VERBOSE else ""  # a comment would hide the parenthesis
    # PCRE counts anew at each place where a match may begin: with a single one it counts for the whole text.
    return Regex(rf"(*LIMIT_MATCH={steps})\A{is_short}[\s\S]*?(?:{regex}{end})", "i")
