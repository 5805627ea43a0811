"""Literal texts and regular expressions as MongoDB's patterns, in any case.

MongoDB checks its time limit only between documents. So the cost of a regular expression in one document is
limited here, by PCRE's own limit: it holds on every server version and can only lower the server's. How many
there may be is limited in ``contracts.query.sums``.
"""

import re

from bson import Regex

from contracts.pattern import parse_pattern
from contracts.query.keys import MAX_REGEX_TEXT

_STEPS = 100_000
"""The limit for a regular expression in a field that holds one short text, in steps of PCRE."""

_LARGE_STEPS = 4_000
"""The limit in each text of a field that may hold some 50,000 of them."""


def literal(word: str) -> Regex[str]:
    """Return the pattern of a literal substring."""
    return Regex(re.escape(word), "i")


def pattern(regex: str, *, is_large: bool) -> Regex[str]:
    """Return the pattern of a caller's regular expression.

    ``is_large``: whether it is for a field of ``LARGE``. A text does not match if it takes PCRE too many
    steps, or is too long in a large field.
    """
    steps = _LARGE_STEPS if is_large else _STEPS
    # Even one step may lead through the whole text.
    is_short = rf"(?=[\s\S]{{0,{MAX_REGEX_TEXT}}}+\z)" if is_large else ""
    end = "\n" if parse_pattern(regex) & re.VERBOSE else ""  # a comment would hide the parenthesis
    # PCRE starts to count again at each place where a match may begin: here there is one, for the whole text.
    return Regex(rf"(*LIMIT_MATCH={steps})\A{is_short}[\s\S]*?(?:{regex}{end})", "i")
